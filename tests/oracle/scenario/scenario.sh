#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# scenario.sh MANYHART PROGRAM.elf PROGRAM.virt.elf CPU [COUNT [MACHINES [HARTS]]]: the same random
# scenarios under the newest QEMU and under manyhart; every chunk of them must
# come out alike (scenario.h).  Where one does not, both sides' notes are shown.
# MH_ORACLE_SEED (1) is the seed, MH_ORACLE_MILLIONS multiplies the count, or the
# number of machines, each of which has a seed of its own and runs COUNT.
set -u
manyhart=$1 program=$2 virt=$3 cpu=$4 count=${5:-3200} machines=${6:-1} harts=${7:-1}
[ "$machines" -gt 1 ] || count=$((count * ${MH_ORACLE_MILLIONS:-1}))
[ "$machines" -eq 1 ] || machines=$((machines * ${MH_ORACLE_MILLIONS:-1}))
qemu=$(sh "$(dirname "$0")/../../tools/fetch-qemu.sh" 2>&1) || {
	echo "needs a QEMU of its own, and fetching it failed: $(echo "$qemu" | tail -n 1)"
	exit 77
}
qemu=$(echo "$qemu" | tail -n 1)/qemu-system-riscv64
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# both SEED ARGUMENTS: into $tmp/ours and $tmp/theirs.
both() {
	timeout 3000 "$manyhart" run --harts "$harts" --append "seed=$*" "$program" \
		</dev/null >"$tmp/ours" 2>"$tmp/stderr" || {
		tail -n 3 "$tmp/ours" "$tmp/stderr"
		echo "manyhart failed: seed=$*"
		exit 1
	}
	timeout 3000 "$qemu" -M virt -smp "$harts" -cpu "$cpu" -m 128M -nographic -bios none \
		-kernel "$virt" -append "seed=$*" </dev/null 2>"$tmp/stderr" | tr -d '\r' >"$tmp/theirs"
}

# compare SEED: one machine of each.
compare() {
	both "$1 count=$count"
	grep -qx "scenarios $count" "$tmp/ours" && grep -qx "scenarios $count" "$tmp/theirs" || {
		tail -n 3 "$tmp/ours" "$tmp/theirs"
		echo "not all scenarios ran: seed $1"
		exit 1
	}
	cmp -s "$tmp/ours" "$tmp/theirs" && return
	grep -vxF -f "$tmp/theirs" "$tmp/ours" | awk '$1 == "chunk" { print $2 }' >"$tmp/chunks"
	echo "seed $1: $(wc -l <"$tmp/chunks") of $((count / 32)) chunks differ; the first:"
	head -n 3 "$tmp/chunks" | while read -r first; do
		both "$1 first=$first count=32 tell=1"
		diff "$tmp/ours" "$tmp/theirs" | grep -v 'chunk' | head -n 8
	done
	exit 1
}

first=${MH_ORACLE_SEED:-1}
seed=$first
while [ "$seed" -lt $((first + machines)) ]; do
	compare "$seed"
	seed=$((seed + 1))
done
echo "seeds $first to $((seed - 1)): $count scenarios each alike"
