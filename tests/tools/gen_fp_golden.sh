#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes tests/unit/data/fp_golden.txt: hashes of the results and flags that
# QEMU's user-mode emulation gives for the vectors of fp_vectors.h.
#
#   gen_fp_golden.sh                          writes the file
#   gen_fp_golden.sh compare TEST FIRST COUNT
#       runs TEST (the built unit_isa_riscv_fp) on COUNT vectors of each
#       operation and mode, beginning at FIRST, and prints what differs
#
# QEMU: the program to ask instead of the one that fetch-qemu.sh gets.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${CROSS_CC:=riscv64-unknown-elf-gcc}"
[ -n "${QEMU-}" ] || QEMU=$(sh "$top/tests/tools/fetch-qemu.sh")/qemu-riscv64

"$CROSS_CC" -nostdlib -static -march=rv64gc -mabi=lp64d -Wl,--no-warn-rwx-segments -O2 -ffp-contract=off -ffreestanding \
	-Wall -Wextra -I"$top" -o "$work/fp_oracle" "$top/tests/tools/fp_oracle.c"
if [ "${1-}" = compare ]; then
	"$QEMU" -cpu max "$work/fp_oracle" stream "$3" "$4" | "$2" compare "$3" "$4"
else
	"$QEMU" -cpu max "$work/fp_oracle" hash 8192 >"$work/golden"
	cp "$work/golden" "$top/tests/unit/data/fp_golden.txt"
fi
