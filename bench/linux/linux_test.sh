#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# linux_test.sh PROGRAM ENGINE: some workloads of the group linux, once each, in the
# guest and, where the host has the program, natively; all must compute the same.
# Asserts no time.
set -u
bench=$1 engine=$2
[ -e "${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/bench/debs" ] || {
	echo "no packages in the cache: bench/linux/fetch.sh fetches them"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAIL: $*"
	cat "$tmp/said"
	[ ! -e "$tmp/results/samples.json" ] || cat "$tmp/results/samples.json"
	exit 1
}

"$bench" --engines "native,$engine" --rounds 1 --iterations 1 --out "$tmp/results" \
	boot fork xz python3 >"$tmp/said" 2>&1 </dev/null || fail "exit code $?"

# "WORKLOAD ENGINE HARTS OUTCOME CHECKSUM", a line each sample.
awk -F '"' '
	$2 == "workload" { workload = $4 }
	$2 == "engine" { engine = $4 }
	$2 == "outcome" { outcome = $4 }
	$2 == "harts" { harts = $3; gsub(/[^0-9]/, "", harts) }
	$2 == "checksum" { print workload, engine, harts, outcome, $4 }
' "$tmp/results/samples.json" >"$tmp/samples"
cat "$tmp/samples"

# What the host, with programs of its distribution, has computed.
for want in "fork $engine 2 ok f87dac76a8eada44" "fork native 1 ok f87dac76a8eada44" \
	"xz $engine 2 ok f57a64ff0e3038ac" "python3 $engine 2 ok 83b3ae68095e3dc3"; do
	grep -qx "$want" "$tmp/samples" || fail "no sample: $want"
done
grep -q "^boot $engine 2 ok [0-9a-f]*\$" "$tmp/samples" || fail "no boot"
! grep -q '^boot native' "$tmp/samples" || fail "a boot of the host"
for program in xz python3; do
	n=$(grep -c "^$program native 1 ok" "$tmp/samples")
	[ -x /usr/bin/$program ] && want=1 || want=0
	[ "$n" -eq $want ] || fail "$program: $n native samples, not $want"
done
