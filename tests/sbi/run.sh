#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh MANYHART ENGINE builtin|bookworm|trixie HARTS PROGRAM: a program in S-mode on
# that firmware, which must end with 0; MH_SBI_APPEND are words for it.
set -u
firmware=$3
cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/linux/current
[ "$firmware" = builtin ] || firmware=$cache/opensbi-$3/fw_dynamic.bin
[ "$3" = builtin ] || [ -e "$firmware" ] || {
	echo "no OpenSBI in the cache: tests/linux/fetch.sh fetches it"
	exit 77
}
exec "$1" run --engine "$2" --firmware "$firmware" --harts "$4" ${MH_SBI_APPEND:+--append "$MH_SBI_APPEND"} \
	--kernel "$5" </dev/null
