#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# smp_test.sh COUNTS NATIVE [COMMAND...]: the workloads for several harts on as many
# as each of COUNTS ("1 2 4") says, natively, and in the guest that COMMAND starts,
# where @ stands for the number of harts ("--append WORDS" follows it).  All must give
# the same checksums, on any number of harts.  Without COMMAND the native program alone.
set -u

counts=$1 native=$2
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
	echo "smp_test: $*"
	failed=1
}

# guest HARTS COMMAND...: its output.
guest() {
	harts=$1
	shift
	for word; do
		shift
		[ "$word" != @ ] || word=$harts
		set -- "$@" "$word"
	done
	"$@" --append "workload=smp iterations=2" </dev/null
}

# keep SIDE HARTS CODE <OUTPUT: "NAME CHECKSUM" of each iteration, in $dir/SIDE.HARTS.
keep() {
	[ "$3" -eq 0 ] || {
		fail "$1 on $2 harts: exit code $3"
		tail -3 "$dir/out"
	}
	tr -d '\r' <"$dir/out" | awk -v harts="$2" '
		$1 == "workload" { name = $2; if ($NF != harts) print name " on " $NF " harts" }
		$1 == "iteration" { print name, $NF }' >"$dir/$1.$2"
	[ -s "$dir/$1.$2" ] || fail "$1 on $2 harts: no iteration"
}

for n in $counts; do
	"$native" smp 2 "$n" >"$dir/out" 2>&1
	keep native "$n" $?
	first=${first:-$n}
	diff "$dir/native.$first" "$dir/native.$n" || fail "native: $first (<) and $n (>) harts disagree"
	[ $# -gt 0 ] || continue
	guest "$n" "$@" >"$dir/out" 2>&1
	keep guest "$n" $?
	diff "$dir/guest.$first" "$dir/guest.$n" || fail "guest: $first (<) and $n (>) harts disagree"
done

# The guest has more of them; those of both agree.
[ $# -eq 0 ] || awk 'NR == FNR { native[$1]; next } $1 in native' "$dir/native.$first" "$dir/guest.$first" |
	diff "$dir/native.$first" - || fail "native (<) and guest (>) disagree"

# What is no number of harts.
if [ $# -eq 0 ]; then
	for n in 0 65 2x; do
		"$native" amo 1 $n >"$dir/out" 2>&1
		code=$?
		[ $code -eq 2 ] || fail "$n harts: exit code $code, not 2"
		grep -qx 'bench: amo: harts: a number from 1 to 64' "$dir/out" || fail "$n harts: says $(cat "$dir/out")"
	done
fi
exit $failed
