#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# scenario.sh MANYHART PROGRAM.elf PROGRAM.virt.elf CPU [COUNT]: the same random
# scenarios under the newest QEMU and under manyhart; every chunk of them must
# come out alike (scenario.h).  Where one does not, both sides' notes are shown.
# MH_ORACLE_SEED (1) is the seed, MH_ORACLE_MILLIONS multiplies the count.
set -u
manyhart=$1 program=$2 virt=$3 cpu=$4 count=${5:-3200}
count=$((count * ${MH_ORACLE_MILLIONS:-1}))
seed=${MH_ORACLE_SEED:-1}
qemu=$(sh "$(dirname "$0")/../../tools/fetch-qemu.sh" 2>&1) || {
	echo "needs a QEMU of its own, and fetching it failed: $(echo "$qemu" | tail -n 1)"
	exit 77
}
qemu=$(echo "$qemu" | tail -n 1)/qemu-system-riscv64
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# both ARGUMENTS: into $tmp/ours and $tmp/theirs.
both() {
	timeout 3000 "$manyhart" run --harts 1 --append "seed=$seed $*" "$program" \
		</dev/null >"$tmp/ours" 2>"$tmp/stderr" || {
		tail -n 3 "$tmp/ours" "$tmp/stderr"
		echo "manyhart failed: seed=$seed $*"
		exit 1
	}
	timeout 3000 "$qemu" -M virt -cpu "$cpu" -m 128M -nographic -bios none -kernel "$virt" \
		-append "seed=$seed $*" </dev/null 2>"$tmp/stderr" | tr -d '\r' >"$tmp/theirs"
}

both "count=$count"
grep -qx "scenarios $count" "$tmp/ours" && grep -qx "scenarios $count" "$tmp/theirs" || {
	tail -n 3 "$tmp/ours" "$tmp/theirs"
	echo "not all scenarios ran"
	exit 1
}
if cmp -s "$tmp/ours" "$tmp/theirs"; then
	echo "seed $seed: $count scenarios alike"
	exit 0
fi
grep -vxF -f "$tmp/theirs" "$tmp/ours" | awk '$1 == "chunk" { print $2 }' >"$tmp/chunks"
echo "seed $seed: $(wc -l <"$tmp/chunks") of $((count / 32)) chunks differ; the first:"
head -n 3 "$tmp/chunks" | while read -r first; do
	both "first=$first count=32 tell=1"
	diff "$tmp/ours" "$tmp/theirs" | grep -v 'chunk' | head -n 8
done
exit 1
