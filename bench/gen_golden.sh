#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# gen_golden.sh [FOLDER]: what the workloads compute that run in a guest only, as the
# newest QEMU says, which is fetched first; FOLDER has the built programs
# (build/release/bench).  Its output is bench/workloads_golden.txt; to be made again
# when such a workload is added or changes.  workloads_test.sh compares with it.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$top/build/release/bench}
qemu=$(sh "$top/tests/tools/fetch-qemu.sh")/qemu-system-riscv64
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$folder/bench_workloads" list | cut -d' ' -f1 >"$tmp/native"
"$qemu" -M virt -m 128M -nographic -bios none -kernel "$folder/bench_workloads.virt.elf" \
	-append 'workload=all iterations=1' </dev/null >"$tmp/out" 2>"$tmp/err" || {
	tail -3 "$tmp/out" "$tmp/err" >&2
	exit 1
}
tr -d '\r' <"$tmp/out" | "$top/bench/same_part.sh" |
	awk 'NR == FNR { native[$1] = 1; next } !($2 in native)' "$tmp/native" -
