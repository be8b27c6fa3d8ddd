#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bare.sh MANYHART HARTS PROGRAM: a bare-metal program without end for
# MH_SOAK_SECONDS (20); it must still run then, and have finished a round.  Where
# the host is too slow for a round in that time, again with three and ten times as much.
set -u
out=$(mktemp)
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM
seconds=${MH_SOAK_SECONDS:-20}
for limit in "$seconds" $((3 * seconds)) $((10 * seconds)); do
	timeout $((limit + 120)) "$1" run --harts "$2" --timeout "$limit" "$3" \
		</dev/null >"$out" 2>&1
	code=$?
	tail -n 5 "$out"
	[ $code -eq 124 ] || {
		echo "exit code $code, expected 124, which is the time limit's"
		exit 1
	}
	rounds=$(grep -c '^# round' "$out")
	echo "$rounds rounds on $2 harts in $limit s"
	[ "$rounds" -eq 0 ] || exit 0
done
exit 1
