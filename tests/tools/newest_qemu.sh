#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# newest_qemu.sh ARGUMENT...: qemu-system-riscv64 as fetch-qemu.sh has unpacked it, for guest
# programs that need more than the machine's own QEMU has.  It fetches nothing itself: 77 with the
# reason if it is not there.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/qemu/current
[ -x "$cache/qemu-system-riscv64" ] || {
	echo "needs the newest QEMU: sh tests/tools/fetch-qemu.sh"
	exit 77
}
exec "$cache/qemu-system-riscv64" "$@"
