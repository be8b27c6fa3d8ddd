#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sensitivity.sh [TIMES [WORKLOAD...]]: whether `manyhart bench --compare` can be trusted on this
# machine.  The suite is taken TIMES (5) + 1 times unchanged, each compared with the one before:
# how many workloads were called slower though nothing was.  Then TIMES times with one workload
# (fib) made 10 % slower, each compared with an unchanged one: how often it was found.
# ROUNDS (10) and ITERATIONS (20) are as for bench; results stay in the folder it names.
set -u
times=${1:-5}
[ $# -eq 0 ] || shift
top=$(cd "$(dirname "$0")/.." && pwd)
bench=$top/build/release/bench/manyhart-bench
dir=$(mktemp -d)
rounds=${ROUNDS:-10} iterations=${ITERATIONS:-20}
slow=fib percent=10
trap 'exit 130' INT TERM

# sample NAME OPTION...: one set, under $dir/NAME.
sample() {
	name=$1
	shift
	"$bench" --rounds "$rounds" --iterations "$iterations" --counters none --out "$dir/$name" "$@" \
		>"$dir/$name.log" 2>&1 </dev/null || {
		echo "$name: a sample failed: $(tail -n 1 "$dir/$name.log")"
		grep -v '^round' "$dir/$name.log" | head -n 5
	}
}

compare() {
	"$bench" --compare "$dir/$1/samples.json" "$dir/$2/samples.json"
}

echo "sets of samples are in $dir"
false_alarms=0 found=0 i=0
sample same0 "$@"
while [ $i -lt "$times" ]; do
	i=$((i + 1))
	sample same$i "$@"
	compare same$((i - 1)) same$i >"$dir/compare$i" && says=no || says=yes
	[ $says = no ] || false_alarms=$((false_alarms + 1))
	echo "unchanged, $i: $(tail -n 1 "$dir/compare$i")"
	grep -v "the host or a peer" "$dir/compare$i" | grep ': slower:\|: faster:' | sed 's/^/  /'
done
i=0
while [ $i -lt "$times" ]; do
	i=$((i + 1))
	sample slow$i --slow $slow=$percent $slow
	compare same$i slow$i >"$dir/slower$i"
	grep -q "^$slow on .*: slower:" "$dir/slower$i" && found=$((found + 1))
	echo "$slow $percent % slower, $i: $(grep "^$slow on interp" "$dir/slower$i" || "$bench" --compare \
		"$dir/same$i/samples.json" "$dir/slow$i/samples.json" --all | grep "^$slow on interp")"
done
echo "called slower though nothing was: $false_alarms of $times; found: $found of $times"
[ $false_alarms -eq 0 ] && [ $found -eq "$times" ]
