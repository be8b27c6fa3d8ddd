#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh NAME PROGRAM DIR: one fuzz target.
#
# With MH_FUZZ_SECONDS it goes on from the inputs that earlier runs found
# (DIR/corpus/NAME) for that long, from a new seed.  Without, it replays the
# tree's corpus and adds random inputs for twenty seconds from a fixed seed: what
# CI does.  DIR/figures has a line per run; an input that fails is kept in DIR.
set -u

name=$1 program=$2 dir=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir/corpus/$name" || exit 1
seeds=$here/corpus/$name
[ -d "$seeds" ] || {
	echo "no corpus: $seeds"
	exit 1
}
log=$dir/$name.log
found=$dir/corpus/$name
seconds=${MH_FUZZ_SECONDS:-}
if [ -z "$seconds" ]; then
	found=$(mktemp -d)
	trap 'rm -rf "$found"' EXIT
	set -- -seed=1 -max_total_time=20
else
	set -- -max_total_time="$seconds"
fi
[ ! -e "$seeds.dict" ] || set -- "$@" -dict="$seeds.dict"

# A guest may cost no more than a few seconds or a gigabyte, whatever it does.
UBSAN_OPTIONS=print_stacktrace=1 "$program" "$@" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
	-print_final_stats=1 -artifact_prefix="$dir/$name-" "$found" "$seeds" >"$log" 2>&1
code=$?
if [ $code -ne 0 ]; then
	# What libFuzzer says of itself is left out; the input is in the file it names.
	grep -v -E '^#[0-9]+.(REDUCE|NEW|pulse|RELOAD)|NEW_FUNC|in fuzzer::|^0x|^[\\]|^Base64' "$log" |
		cut -c 1-200 | tail -n 60
	exit 1
fi
awk -v name="$name" '
	/number_of_executed_units/ { n = $2 }
	/average_exec_per_sec/ { rate = $2 }
	/DONE/ { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
	END { printf "%s: %d executions, %d/s, %d edges\n", name, n, rate, cov }' "$log" |
	tee "$dir/figures.$name"
