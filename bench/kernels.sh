#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kernels.sh [BUILD] [ROUNDS] [SAMPLES]: the integer kernels natively and on the
# interpreter, in turn, ROUNDS times (5).  Prints what host it is; per kernel the
# medians in ms, the interpreter's share of native speed and its million
# instructions per second; then the geometric mean, the rate over all kernels,
# the gain of a second hart, and what reservations cost another hart's stores.
# The raw samples are kept in the file SAMPLES, if given.
set -eu

build=${1:-build/release}
rounds=${2:-5}
samples=${3:-}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

[ -x "$build/manyhart" ] || {
	echo "kernels.sh: no program in $build; build it first, or name the build folder" >&2
	exit 2
}

i=0
while [ "$i" -lt "$rounds" ]; do
	i=$((i + 1))
	"$build/bench/bench_kernels" | sed 's/^/native /' >>"$out/lines"
	"$build/manyhart" run --engine interp --harts 1 "$build/bench/bench_kernels.elf" \
		2>/dev/null </dev/null | sed 's/^/guest /' >>"$out/lines"
	"$build/manyhart" run --engine interp --harts 2 "$build/bench/bench_kernels.elf" \
		2>/dev/null </dev/null | sed -n 's/^pair/guest &/p' >>"$out/lines"
done
"$build/manyhart" run --engine interp --harts 2 "$build/bench/bench_stores.elf" 2>/dev/null \
	</dev/null >>"$out/lines" || {
	echo "kernels.sh: bench_stores.elf failed" >&2
	exit 1
}

[ -z "$samples" ] || cp "$out/lines" "$samples"

echo "date       $(date -u +%Y-%m-%dT%H:%MZ), commit $(git -C "$(dirname "$0")" describe --always --dirty 2>/dev/null || echo unknown)"
echo "processor  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
echo "governor   $(cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2>/dev/null || echo 'not shown by this host')"
echo "kernel     $(uname -r), compilers $(${CC:-gcc} -dumpfullversion) (host), $({ riscv64-unknown-elf-gcc -dumpfullversion || riscv64-linux-gnu-gcc -dumpfullversion; } 2>/dev/null | head -1) (guest)"
echo "command    bench/kernels.sh BUILD $rounds; harts pinned as 'manyhart info' says"
echo

awk '
function median(s, n, a, i, j, t) {
	n = split(s, a, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j] + 0 < a[j - 1] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	low = a[1]; high = a[n]; q1 = a[int((n + 3) / 4)]; q3 = a[int((3 * n + 3) / 4)]
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
$2 == "kernel" {
	if (!($3 in check)) { check[$3] = $4; order[++kernels] = $3 }
	if (check[$3] != $4) { print "kernels.sh: " $3 ": host and guest disagree"; bad = 1 }
	ns[$1, $3] = ns[$1, $3] " " $5
	if ($1 == "guest") insns[$3] = $6
}
$2 == "pair" { gains[$1] = gains[$1] " " $4 / $5; pairs[$1]++ }
$1 == "stores" { other = other " " $3 / $2; same = same " " $4 / $2 }
END {
	for (k = 1; k <= kernels; k++)
		if (!(("native", order[k]) in ns) || !(("guest", order[k]) in ns)) {
			print "kernels.sh: " order[k] " did not run on both sides"
			exit 1
		}
	if (!kernels || other == "") { print "kernels.sh: a program failed; no report"; exit 1 }
	printf "%-10s %10s %10s %9s %9s\n", "kernel", "native ms", "interp ms", "% native", "M insn/s"
	for (k = 1; k <= kernels; k++) {
		name = order[k]
		n = median(ns["native", name]); g = median(ns["guest", name])
		printf "%-10s %10.2f %10.2f %9.1f %9.0f\n", name, n / 1e6, g / 1e6, 100 * n / g, insns[name] / g * 1e3
		logs += log(n / g); total_ns += g; total_insns += insns[name]
	}
	printf "geometric mean %.1f %% of native; %.0f million instructions/s over all\n", 100 * exp(logs / kernels), total_insns / total_ns * 1e3
	if ("guest" in gains) { m = median(gains["guest"]); printf "two harts, two copies: %.2f times one hart (median of %d pairs, quartiles %.2f, %.2f)\n", m, pairs["guest"], q1, q3 }
	if ("native" in gains) { m = median(gains["native"]); printf "two native threads: %.2f times one (median of %d pairs, quartiles %.2f, %.2f)\n", m, pairs["native"], q1, q3 }
	if (other != "") {
		m = median(other); printf "stores while another hart does LR/SC on another page: %.2f times the time without (%.2f to %.2f)\n", m, low, high
		m = median(same); printf "stores while another hart does LR/SC on the same page: %.2f times (%.2f to %.2f)\n", m, low, high
	}
	exit bad
}' "$out/lines"
