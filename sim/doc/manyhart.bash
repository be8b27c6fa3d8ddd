# SPDX-License-Identifier: Apache-2.0
# bash completion for manyhart(1).  Verbs and options come from the program's
# own --help, so that they cannot fall behind it.

_manyhart_verbs() {
	"$1" --help 2>/dev/null | sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

_manyhart_options() {
	"$1" "$2" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
}

_manyhart() {
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_manyhart_verbs "$program") --help --version" -- "$word")
		return
	fi
	case $previous in
	--engine) mapfile -t COMPREPLY < <(compgen -W "interp jit hybrid" -- "$word") ;;
	--guest) mapfile -t COMPREPLY < <(compgen -W "riscv64" -- "$word") ;;
	--jit-level) mapfile -t COMPREPLY < <(compgen -W "0 1 2 3" -- "$word") ;;
	--jit-passes) mapfile -t COMPREPLY < <(compgen -W "all none slots fold sets bits cse dead" -- "$word") ;;
	--pin) mapfile -t COMPREPLY < <(compgen -W "auto none" -- "$word") ;;
	--log) mapfile -t COMPREPLY < <(compgen -W "error warn info debug trace" -- "$word") ;;
	--console) mapfile -t COMPREPLY < <(compgen -W "stdio pty none" -f -- "$word") ;;
	--firmware) mapfile -t COMPREPLY < <(compgen -W "builtin none" -f -- "$word") ;;
	--jit-thread) mapfile -t COMPREPLY < <(compgen -W "auto on off" -- "$word") ;;
	--sandbox | --jit-chain) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$word") ;;
	--stats) mapfile -t COMPREPLY < <(compgen -W "- table" -f -- "$word") ;;
	--jit-cache | --jit-looks | --jit-region | --jit-threshold | --harts | --memory | --isa | --append | --max-insns | --timeout | --counters | --seed | --pc) ;;
	*)
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_manyhart_options "$program" "${COMP_WORDS[1]}")" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		;;
	esac
}

complete -o filenames -F _manyhart manyhart ./manyhart
