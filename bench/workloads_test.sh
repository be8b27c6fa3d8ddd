#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# workloads_test.sh NATIVE [COMMAND...]: every workload runs once natively and once
# in the guest that COMMAND starts ("--append WORDS" follows it); both print the
# same but for times and instructions.  Then what is not there: one line that names
# the nearest, exit 2.  Without COMMAND the native program alone.
set -u

native=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
	echo "workloads_test: $*"
	failed=1
}

# run SIDE NAME ITERATIONS: on one side, its lines in $dir/SIDE; its exit code.
run() {
	side=$1 name=$2 iterations=$3
	shift 3
	if [ "$side" = native ]; then
		"$native" "$name" "$iterations" >"$dir/out" 2>&1
	else
		"$@" --append "workload=$name iterations=$iterations" >"$dir/out" 2>"$dir/err" </dev/null
	fi
	code=$?
	tr -d '\r' <"$dir/out" >"$dir/$side"
	return $code
}

# What must be the same: all but the clock's unit, times and instructions.
same_part() {
	sed 's/ clock_ns [0-9]*//; s/ ns [0-9]* instructions [0-9-]* / /' "$1"
}

sides=native
[ $# -eq 0 ] || sides="native guest"
for side in $sides; do
	run "$side" all 1 "$@" || {
		fail "$side: exit code $code"
		tail -3 "$dir/$side"
		[ "$side" = native ] || cat "$dir/err"
	}
	same_part "$dir/$side" >"$dir/$side.all"
	run "$side" list 1 "$@" || fail "$side: list: exit code $code"
	mv "$dir/$side" "$dir/$side.list"

	# One workload more than once: iterations are numbered.
	run "$side" fib 3 "$@" || fail "$side: fib: exit code $code"
	grep -q '^iteration 2 ns [1-9][0-9]* instructions [0-9-]* checksum 2ff42$' "$dir/$side" ||
		fail "$side: fib: no third iteration with the checksum 2ff42"
	run "$side" seive 1 "$@"
	[ $code -eq 2 ] || fail "$side: seive: exit code $code, not 2"
	grep -qx "bench: no workload 'seive'; nearest: sieve; 'list' shows all" "$dir/$side" ||
		fail "$side: seive: says $(cat "$dir/$side")"
	run "$side" sieve 1x "$@"
	[ "$side" = guest ] || [ $code -eq 2 ] || fail "$side: 1x iterations: exit code $code, not 2"
	run "$side" sieve 0 "$@"
	[ $code -eq 2 ] || fail "$side: 0 iterations: exit code $code, not 2"
done

# A workload's line, an iteration and a line of the list for each.
for side in $sides; do
	count=$(wc -l <"$dir/$side.list")
	[ "$count" -gt 0 ] || fail "$side: the list is empty"
	for what in workload iteration; do
		n=$(grep -c "^$what " "$dir/$side.all")
		[ "$n" -eq "$count" ] || fail "$side: $n lines '$what' for $count workloads"
	done
done

# Those of both sides, "NAME ..." or from "workload NAME ..." on: a filter.
common() {
	awk 'NR == FNR { native[$1]; next } $1 != "iteration" { on = ($1 == "workload" ? $2 : $1) in native } on' \
		"$dir/native.list" -
}

if [ $# -gt 0 ]; then
	common <"$dir/guest.all" | diff "$dir/native.all" - || fail "native (<) and guest (>) disagree"
	common <"$dir/guest.list" | diff "$dir/native.list" - || fail "the lists of native (<) and guest (>) differ"
fi
exit $failed
