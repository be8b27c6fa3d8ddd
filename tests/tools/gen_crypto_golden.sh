#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes tests/guest/common/crypto_golden.h: hashes of the results that QEMU's
# user-mode emulation gives for the vectors of crypto_vectors.h.  Run by hand when
# the vectors change; fetches QEMU 10 first (fetch-qemu.sh).
#
#   gen_crypto_golden.sh [OUTPUT]
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$top/tests/guest/common/crypto_golden.h}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${CROSS_CC:=riscv64-unknown-elf-gcc}"
[ -n "${QEMU-}" ] || QEMU=$(sh "$top/tests/tools/fetch-qemu.sh")/qemu-riscv64

"$CROSS_CC" -march=rv64gc_zbc_zbkb_zbkx_zknd_zkne_zknh_zksed_zksh -mabi=lp64d -O2 -Wall -Wextra \
	-ffreestanding -fno-builtin -nostdlib -static -Wl,--no-relax,--no-warn-rwx-segments -I"$top" \
	-o "$work/crypto_oracle" "$top/tests/tools/crypto_oracle.c"
{
	echo "/* SPDX-License-Identifier: Apache-2.0 */"
	echo "/* Written by tests/tools/gen_crypto_golden.sh from $("$QEMU" --version | head -n 1). */"
	echo "/* clang-format off */"
	echo "static const uint32_t crypto_golden[CRYPTO_OPS][CRYPTO_GROUPS] = {"
	"$QEMU" -cpu max "$work/crypto_oracle"
	echo "};"
	echo "/* clang-format on */"
} >"$work/golden"
cp "$work/golden" "$out"
