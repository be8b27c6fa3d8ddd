#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bare.sh MANYHART HARTS PROGRAM: a bare-metal program without end for
# MH_SOAK_SECONDS (20); it must still run then, and have finished a round.
set -u
seconds=${MH_SOAK_SECONDS:-20}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM
timeout $((seconds + 120)) "$1" run --harts "$2" --timeout "$seconds" "$3" </dev/null >"$out" 2>&1
code=$?
tail -n 5 "$out"
[ $code -eq 124 ] || {
	echo "exit code $code, expected 124, which is the time limit's"
	exit 1
}
rounds=$(grep -c '^# round' "$out")
echo "$rounds rounds on $2 harts in $seconds s"
[ "$rounds" -gt 0 ]
