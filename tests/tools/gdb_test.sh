#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# gdb_test.sh MANYHART PROGRAM: with --jit-gdb GDB names translated code by guest
# addresses, and finds who called it.
set -eu
manyhart=$1 program=$2
command -v gdb >/dev/null || {
	echo "skipped: there is no gdb"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# A miss of a stream, some way into the program: C called by a routine called by a translation.
cat >"$tmp/commands" <<'EOF'
set pagination off
set confirm off
set breakpoint pending on
break rv_jit_access
run
ignore 1 50
continue
backtrace
kill
EOF
timeout 100 gdb -q -nx -batch -x "$tmp/commands" --args "$manyhart" run --engine jit --jit-gdb \
	--harts 1 "$program" >"$tmp/out" 2>&1 </dev/null || {
	tail -20 "$tmp/out"
	exit 1
}
if grep -q 'ptrace: Operation not permitted\|Could not trace' "$tmp/out"; then
	echo "skipped: this system lets gdb run nothing"
	exit 77
fi
# The frames, from the innermost: each function's name alone.
sed -n 's/^#[0-9]* *\(0x[0-9a-f]* in \)\{0,1\}\([^ ]*\) .*/\2/p' "$tmp/out" >"$tmp/frames"
expect='rv_jit_access .*calls riscv64:8[0-9a-f]*[^ ]* .*rv_jit_run .*hart_thread '
tr '\n' ' ' <"$tmp/frames" | grep -q "$expect" || {
	cat "$tmp/out"
	echo "the backtrace is not like this: $expect"
	exit 1
}
