#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the oracle (main.c) with the newest QEMU that can be had; skips if none can.
#
#   oracle.sh PROGRAM RUNTIME [argument...]             as PROGRAM
#   oracle.sh PROGRAM RUNTIME --must-find NAME PART     falsify the results of instruction NAME: the
#                                                       oracle must find it, and nothing else may fail
#   oracle.sh PROGRAM RUNTIME --long PREFIX             MH_ORACLE_MILLIONS million random instructions
#                                                       and as many times the cases, from a seed of
#                                                       MH_ORACLE_SEED or the clock
set -u

here=$(cd "$(dirname "$0")" && pwd)
program=$1
runtime=$2
shift 2
qemu=$(sh "$here/../tools/fetch-qemu.sh" 2>&1) || {
	echo "needs a QEMU of its own, and fetching it failed: $(echo "$qemu" | tail -n 1)"
	exit 77
}
qemu=$(echo "$qemu" | tail -n 1)/qemu-system-riscv64

oracle() {
	"$program" --qemu "$qemu" --runtime "$runtime" "$@"
}

case ${1-} in
--must-find)
	oracle --filter "$2" --flaw "$2" --max-reports 1 --stream-insns 20000 "$3"
	code=$?
	[ $code -eq 1 ] && exit 0
	echo "falsified results of $2 in part $3 were not found: exit code $code"
	exit 1
	;;
--long)
	millions=${MH_ORACLE_MILLIONS:-10}
	seed=${MH_ORACLE_SEED:-$(date +%s)}
	echo "seed $seed: MH_ORACLE_SEED=$seed repeats it"
	oracle --seed "$seed" --scale "$millions" --stream-insns "${millions}000000" --report "$2" \
		insns csrs streams
	;;
*) oracle "$@" ;;
esac
