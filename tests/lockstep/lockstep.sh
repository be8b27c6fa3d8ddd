#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   lockstep.sh PROGRAM [argument...]      as PROGRAM
#   lockstep.sh PROGRAM --must-find FLAW   B's program is falsified: must be found, and what is left
#                                          after shrinking be small
#   lockstep.sh PROGRAM --long             MH_LOCKSTEP_SECONDS, divided among all there is to compare,
#                                          from a seed of MH_LOCKSTEP_SEED or the clock
set -u

program=$1
shift
case ${1-} in
--must-find)
	out=$("$program" --flaw "$2")
	code=$?
	left=$(echo "$out" | sed -n 's/^shrunken from .* items to \([0-9]*\):$/\1/p')
	[ $code -eq 1 ] && [ "${left:-99}" -le 8 ] && exit 0
	echo "$2 was not found or not made small: exit code $code, ${left:-no} items left"
	echo "$out"
	exit 1
	;;
--long)
	seed=${MH_LOCKSTEP_SEED:-$(date +%s)}
	seconds=$((${MH_LOCKSTEP_SECONDS:-60} / 16 + 1))
	echo "seed $seed: MH_LOCKSTEP_SEED=$seed repeats it"
	failed=0
	for what in "--engine-b hybrid" "--engine-b hybrid --switch" "--engine-b jit" "--engine-b jit --reuse 100" \
		"--engine-b jit --switch" "--engine-a hybrid --engine-b jit" "--engine-b interp --step" \
		"--engine-b jit --reuse 100 --option-b jit-cache=256K" "--engine-b jit --option-b jit-chain=off" \
		"--engine-b jit --option-b jit-level=1" "--engine-b jit --option-b jit-level=2" \
		"--engine-b hybrid --switch --option-b jit-threshold=2" \
		"--engine-b hybrid --reuse 100 --option-b jit-threshold=2 --option-b jit-looks=32" \
		"--engine-b jit --harts --option jit-cache=256K" \
		"--engine-b hybrid --harts" "--engine-b jit --harts"; do
		# shellcheck disable=SC2086
		"$program" --seed "$seed" --seconds "$seconds" $what
		case $? in 0 | 77) ;; *) failed=1 ;; esac
	done
	exit $failed
	;;
*) exec "$program" "$@" ;;
esac
