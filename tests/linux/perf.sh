#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# perf.sh MANYHART ENGINE FIRMWARE HARTS: Linux finds the counters with overflow
# and filtering, counts with them exactly and samples (perf_events.c).
set -u
manyhart=$1 engine=$2
. "$(dirname "$0")/lib.sh"
cc=$(command -v riscv64-unknown-elf-gcc || command -v riscv64-linux-gnu-gcc) || {
	echo "needs a compiler for RISC-V"
	exit 77
}
"$cc" -O2 -Wall -Wextra -Werror -march=rv64gc -mabi=lp64d -mcmodel=medany -ffreestanding \
	-fno-pic -no-pie -nostdlib -static -mno-relax -o "$tmp/perf_events" "$here/perf_events.c" ||
	fail "cannot build perf_events.c"

cat >"$tmp/script" <<'EOS'
#!/bin/sh
dmesg | sed -n 's/.*riscv-pmu-sbi: */pmu: /p'
/mh/perf_events
echo "perf: done"
EOS
guest_files=$tmp/perf_events
boot "$3" "$4" "$tmp/script"
seen 'perf: done'
! grep -q '^pmu: .*not supported' "$tmp/console" || fail "the kernel misses an extension"
[ "$(grep -c '^perf: .*: ok (' "$tmp/console")" = 9 ] || fail "not nine times ok"
