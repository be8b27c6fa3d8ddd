#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests check_layers.sh on small trees: a clean one without findings, and one
# per rule whose only finding must be the expected one.
set -u

check=$(cd "$(dirname "$0")" && pwd)/check_layers.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
export CHECK_PRIVATE=mirror.example.net

# file NAME INCLUDE...: a source with its SPDX line.
file() {
	mkdir -p "$tmp/t/$(dirname "$1")"
	name=$1
	shift
	{
		echo '/* SPDX-License-Identifier: Apache-2.0 */'
		for inc in "$@"; do echo "#include \"$inc\""; done
	} >"$tmp/t/$name"
}

clean() {
	rm -rf "$tmp/t"
	file sim/include/manyhart.h
	file sim/base/log.h sim/include/manyhart.h
	file mem/tlb.h sim/base/log.h
	file mem/tlb.c mem/tlb.h tlb_inner.inc
	file mem/tlb_inner.inc
	file isa/guest.h mem/tlb.h
	file isa/riscv/rv.c isa/guest.h sim/base/log.h
	file dev/uart.c mem/tlb.h
	file sim/main.c dev/uart.c isa/guest.h
	file tests/unit/mem_tlb.c mem/tlb.h
	file tests/guest/common/guest.h
	file tests/guest/a.c guest.h
	file sim/guest/smp.c guest.h
}

# expect WHAT LINE...: the findings on the tree are exactly these lines.
expect() {
	what=$1
	shift
	sh "$check" "$tmp/t" >"$tmp/got" 2>&1
	code=$?
	: >"$tmp/want"
	for line in "$@"; do echo "$line" >>"$tmp/want"; done
	if cmp -s "$tmp/want" "$tmp/got" && [ $code -eq $(($# > 0)) ]; then
		echo "ok - $what"
	else
		echo "not ok - $what (exit $code)"
		diff "$tmp/want" "$tmp/got" | sed 's/^/# /'
		failed=1
	fi
}

clean
expect "clean tree"

clean
file mem/up.c smp/hart.h
file smp/hart.h
expect "upward include" "upward: mem/up.c: smp/hart.h"

clean
file sim/base/up.c mem/tlb.h
expect "upward from sim/base" "upward: sim/base/up.c: mem/tlb.h"

clean
file dev/sib.c isa/guest.h
expect "siblings" "upward: dev/sib.c: isa/guest.h (sibling)"

clean
file sim/include/manyhart.h sim/base/bits.h
file sim/base/bits.h
expect "public header" "upward: sim/include/manyhart.h: the public header includes sim/base/bits.h"

clean
file tests/unit/bench_x.c bench/x.h
file tests/unit/sim_x.c bench/x.h
file bench/x.h
expect "unit tests of bench" "upward: tests/unit/sim_x.c: bench/x.h (included by nobody else)"

clean
file sim/x.c tests/unit/mem_tlb.c
expect "include of a test" "upward: sim/x.c: tests/unit/mem_tlb.c (included by nobody else)"

clean
file top.h
file sim/x.c top.h
expect "no layer" "upward: sim/x.c: top.h is in no layer"

clean
file mem/x.c mem/absent.h
expect "unresolved" 'unresolved: mem/x.c: "mem/absent.h"'

clean
file mem/a.h mem/b.h
file mem/b.h c.h
file mem/c.h mem/a.h
expect "cycle" "cycle: mem/a.h: part of an include cycle" \
	"cycle: mem/b.h: part of an include cycle" "cycle: mem/c.h: part of an include cycle"

clean
echo 'int x;' >"$tmp/t/mem/x.c"
expect "no SPDX line" "spdx: mem/x.c: no SPDX line at the top"

clean
printf '#!/bin/sh\nexit 0\n' >"$tmp/t/mem/tool"
expect "script without SPDX line" "spdx: mem/tool: no SPDX line at the top"

clean
echo "see $tmp/t/mem" >"$tmp/t/README.md"
expect "path of the checkout" "private: README.md: names a host or a path of this machine"

clean
echo 'from mirror.example.net' >"$tmp/t/README.md"
expect "host" "private: README.md: names a host or a path of this machine"

exit $failed
