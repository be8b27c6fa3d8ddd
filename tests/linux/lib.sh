# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# Common part of the boot tests: where the fetched set is, a scratch folder, and
# one boot with a guest script.  Sourced with $manyhart and $engine set, and $here,
# this folder, if the script is elsewhere.

here=${here:-$(cd "$(dirname "$0")" && pwd)}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/linux/current
[ -e "$cache/kernel" ] || {
	echo "no kernel in the cache: tests/linux/fetch.sh fetches it"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAIL: $*"
	exit 1
}

# firmware_of builtin|bookworm|trixie|FILE: the value of --firmware.
firmware_of() {
	case $1 in
	bookworm | trixie) echo "$cache/opensbi-$1/fw_dynamic.bin" ;;
	*) echo "$1" ;;
	esac
}

# boot FIRMWARE HARTS SCRIPT [OPTION...]: the guest runs SCRIPT, with $guest_files
# (if set, names without spaces) beside it in /mh, and powers off;
# its console is shown and kept in $tmp/console without carriage returns.  With
# boot_timeout set, it may take that many seconds (280).
boot() {
	fw=$(firmware_of "$1")
	harts=$2
	# shellcheck disable=SC2086
	"$here/add-script.sh" "$cache/initrd.gz" "$3" "$tmp/initrd.gz" ${guest_files:-}
	shift 3
	begin=$(date +%s)
	"$manyhart" run --engine "$engine" --harts "$harts" --memory 1G --timeout "${boot_timeout:-280}" \
		--firmware "$fw" --kernel "$cache/kernel" --initrd "$tmp/initrd.gz" \
		--append 'console=ttyS0' "$@" </dev/null >"$tmp/raw" 2>"$tmp/stderr"
	code=$?
	tr -d '\r' <"$tmp/raw" >"$tmp/console"
	cat "$tmp/console" "$tmp/stderr"
	echo "# $harts harts, $fw: exit code $code after $(($(date +%s) - begin)) s"
	[ $code -eq 0 ] || fail "exit code $code"
	seen "manyhart: init on $harts harts"
	seen 'manyhart: exit 0'
	! grep -E 'Kernel panic|Oops|BUG:|WARNING: CPU|rcu:.*stall|soft lockup' "$tmp/console" ||
		fail "the kernel complains"
}

# seen LINE: the console has exactly this line.
seen() {
	grep -qxF -e "$1" "$tmp/console" || fail "no line \"$1\" on the console"
}
