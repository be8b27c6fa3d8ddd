#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# workloads_test.sh NATIVE [COMMAND...]: every workload runs once natively and once
# in the guest that COMMAND starts ("--append WORDS" follows it); both print the
# same but for times and instructions.  Those for guests only print what is in
# workloads_golden.txt.  Then what is not there: one line that names the nearest,
# exit 2.  Without COMMAND the native program alone.
set -u
here=$(dirname "$0")

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

sides=native
[ $# -eq 0 ] || sides="native guest"
for side in $sides; do
	run "$side" all 1 "$@" || {
		fail "$side: exit code $code"
		tail -3 "$dir/$side"
		[ "$side" = native ] || cat "$dir/err"
	}
	"$here/same_part.sh" <"$dir/$side" >"$dir/$side.all"
	n=$(grep -c '^workload ' "$dir/$side")
	run "$side" list 1 "$@" || fail "$side: list: exit code $code"
	mv "$dir/$side" "$dir/$side.list"

	# A workload's line, an iteration and a line of the list for each.
	count=$(wc -l <"$dir/$side.list")
	[ "$count" -gt 0 ] || fail "$side: the list is empty"
	[ "$n" -eq "$count" ] || fail "$side: $n workloads' lines for $count workloads"
	n=$(wc -l <"$dir/$side.all")
	[ "$n" -eq "$count" ] || fail "$side: $n iterations for $count workloads"

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

if [ $# -gt 0 ]; then
	# Sorted: in the table those for guests only may stand between the others.
	LC_ALL=C sort "$dir/native.all" "$here/workloads_golden.txt" >"$dir/expected"
	LC_ALL=C sort "$dir/guest.all" | diff "$dir/expected" - ||
		fail "native or golden (<) and guest (>) disagree"
	grep -vxF -f "$dir/guest.list" "$dir/native.list" && fail "the guest's list lacks these lines"
fi
exit $failed
