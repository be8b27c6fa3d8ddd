#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench_test.sh PROGRAM: manyhart-bench from its command line: a short run, what it
# leaves behind, comparing, an interruption, and what it refuses.  Asserts no time.
set -u
bench=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
failed=0

# check WHAT CODE COMMAND...: the command's exit code; its output is in $tmp/said.
check() {
	what=$1 want=$2
	shift 2
	"$@" >"$tmp/said" 2>&1 </dev/null
	got=$?
	if [ $got -eq "$want" ]; then
		echo "ok - $what"
	else
		echo "not ok - $what: exit code $got, expected $want"
		sed 's/^/# /' "$tmp/said"
		failed=1
	fi
}

says() {
	grep -qF -e "$1" "$tmp/said" || {
		echo "not ok - does not say: $1"
		sed 's/^/# /' "$tmp/said"
		failed=1
	}
}

has() {
	grep -qF -e "$2" "$1" || {
		echo "not ok - $1 lacks: $2"
		failed=1
	}
}

check "help" 0 "$bench" --help
says "--compare OLD NEW"
check "list" 0 "$bench" --list
says "qsort "
says "page_faults "

check "two rounds" 0 "$bench" --rounds 2 --iterations 3 --seed 5 --out "$tmp/a" fib crc32
says "8 samples and the report are in $tmp/a"
has "$tmp/a/samples.json" '"format": "manyhart-bench"'
has "$tmp/a/samples.json" '"method": "2 rounds of 3 iterations, seed 5"'
has "$tmp/a/README.md" '| crc32 |'
has "$tmp/a/README.md" ' x ('
has "$tmp/a/report.html" 'integer: times as long as natively'
[ "$(grep -c '"outcome": "ok"' "$tmp/a/samples.json")" -eq 8 ] || {
	echo "not ok - eight good samples"
	failed=1
}

has "$tmp/a/samples.json" '"version": 2'
has "$tmp/a/samples.json" '"exit_trap": 0.0'
has "$tmp/a/samples.json" '"source": "clock"'
has "$tmp/a/samples.json" '"load during": "others used'
has "$tmp/a/README.md" '## Counted by the simulator: interp'
has "$tmp/a/README.md" '## Counted by the host'
has "$tmp/a/README.md" '## Iterations until steady'
has "$tmp/a/report.html" 'Where time goes on interp'
grep -q '"hardware counters": "available"' "$tmp/a/samples.json" ||
	has "$tmp/a/README.md" 'No hardware counters here (none: '
[ "$(find "$tmp/a" -type f | wc -l)" -eq 4 ] || {
	echo "not ok - four files, not: $(find "$tmp/a" -type f)"
	failed=1
}
check "no events of the host" 0 "$bench" --rounds 1 --iterations 2 --counters none --out "$tmp/none" fib
has "$tmp/none/samples.json" "\"counters\": \"none but the simulator's\""
has "$tmp/none/README.md" 'no others were asked for'
check "named events" 0 "$bench" --rounds 1 --iterations 2 \
	--counters PERF_COUNT_SW_PAGE_FAULTS,PERF_COUNT_HW_INSTRUCTIONS --out "$tmp/named" fib
has "$tmp/named/samples.json" '"name": "PERF_COUNT_SW_PAGE_FAULTS"'
check "unknown event" 2 "$bench" --counters cycels --out "$tmp/b" fib
says "--counters: cycels: unknown event"
says "did you mean 'CYCLES'?"

check "a set compared with itself" 0 "$bench" --compare "$tmp/a/samples.json" "$tmp/a/samples.json" --all
says "fib on interp, 1 harts: no change: 1.000 times as long"
says "0 slower, 0 faster, 2 without a change; changes below"

# Everything on the interpreter three times slower, as if it had been measured so.
awk '/"engine": "interp"/ { slow = 1 } /"workload":/ { slow = 0 }
	slow && /^ *[0-9.e+]+,?$/ { v = $1 + 0; sub(/[0-9.e+]+/, sprintf("%.1f", v * 3)) } { print }' \
	"$tmp/a/samples.json" >"$tmp/slower.json"
check "what became slower" 1 "$bench" --compare "$tmp/a/samples.json" "$tmp/slower.json"

check "numbers of harts" 0 "$bench" --rounds 1 --iterations 2 --harts 1,2,3 --out "$tmp/h" amo ipi_ping fib
says "11 samples and the report are in $tmp/h"
for harts in 1 2 3; do
	[ "$(grep -c "\"harts\": $harts," "$tmp/h/samples.json")" -eq $((harts == 1 ? 5 : 3)) ] || {
		echo "not ok - samples on $harts harts"
		failed=1
	}
done
has "$tmp/h/README.md" '| workload | native, 3 harts | interp, 3 harts |'
has "$tmp/h/README.md" '| workload | engine | 2 harts | 3 harts |'
has "$tmp/h/report.html" 'amo: times as fast as on 1 hart'

# It measures; what it measured depends on who else is here.
"$bench" --overhead --rounds 1 fib >"$tmp/said" 2>&1 </dev/null
[ $? -le 1 ] || failed=1
says "native: an empty region takes"
says "interp: an empty region takes"

check "results are not overwritten" 2 "$bench" --rounds 1 --out "$tmp/a" fib
says "samples.json is there already"
check "unknown workload" 2 "$bench" --out "$tmp/b" qsrot
says "did you mean qsort?"
check "unknown engine" 2 "$bench" --engines intrep --out "$tmp/b" fib
says "did you mean interp?"
check "no number" 2 "$bench" --rounds many fib
says "--rounds many"
check "no list of harts" 2 "$bench" --harts 1,two amo
says "--harts two: a number from 1 to 1024 is needed"
check "harts out of order" 2 "$bench" --harts 2,1 amo
says "smaller numbers come first"
check "no number of harts" 2 "$bench" --harts , amo
says "a list of numbers is needed"
check "too many harts" 2 "$bench" --harts 1,65 amo
says "at most 64"
check "unknown option" 2 "$bench" --round-about
check "unwritable results" 2 "$bench" --rounds 1 --out /proc/nothing fib

# No network, as apt tells it.
mkdir "$tmp/bin"
printf '#!/bin/sh\necho "E: no network" >&2\nexit 100\n' >"$tmp/bin/apt-get"
chmod 755 "$tmp/bin/apt-get"
check "no packages" 2 env PATH="$tmp/bin:$PATH" XDG_CACHE_HOME="$tmp/cache" \
	"$bench" --engines interp --rounds 1 --out "$tmp/b" pipe
says "cannot be fetched (no network?)"

echo '{"format": "manyhart-bench", "version": 1' >"$tmp/cut.json"
check "damaged samples" 2 "$bench" --compare "$tmp/a/samples.json" "$tmp/cut.json"
says "is damaged in line"
check "missing samples" 2 "$bench" --compare "$tmp/a/samples.json" "$tmp/nothing.json"
[ ! -e "$tmp/b" ] || {
	echo "not ok - a refused run leaves nothing"
	failed=1
}

# What is made slower on purpose is found, and only that: native is as fast as before.
check "slower on purpose" 0 "$bench" --slow fib=1000 --rounds 4 --iterations 3 --out "$tmp/s" fib
check "as fast as it is" 0 "$bench" --rounds 4 --iterations 3 --out "$tmp/t" fib
check "found" 1 "$bench" --compare "$tmp/t/samples.json" "$tmp/s/samples.json"
says "fib on interp, 1 harts: slower: "
has "$tmp/s/README.md" '- made slower on purpose: fib on manyhart by 1000 %'
check "slower: what" 2 "$bench" --slow fob=3 fib
check "slower: how much" 2 "$bench" --slow fib fib

# A peer by its command: one that works, one that hangs, one that crashes; the rest is kept.
check "peers by command" 1 "$bench" --rounds 1 --iterations 2 --engines native --out "$tmp/p" \
	--peer-cmd "again=$(dirname "$bench")/../manyhart run --append {words} {htif}" \
	--peer-cmd "hangs=tail -f {image}" --peer-cmd "gone=/nonexistent {image}" \
	--peer-cmd "fails=false {image}" --timeout 3 fib
says "fib on hangs: stopped after 3 s"
says "fib on gone: does not start: No such file or directory"
says "fib on fails: exit code 1"
[ "$(grep -c '"outcome": "ok"' "$tmp/p/samples.json")" -eq 2 ] || {
	echo "not ok - native and the peer that works are kept"
	failed=1
}
check "a peer without an image" 2 "$bench" --peer-cmd "x=true" fib
says "neither {image} nor {htif}"

# A sweep in parts, each with every third of its workloads.
for part in 0 2; do
	check "part $part of 3" 0 "$bench" --part $part/3 --rounds 1 --iterations 2 --out "$tmp/d" fib crc32 sieve lz
done
check "parts joined" 0 "$bench" merge "$tmp/d"
says "missing parts: 1 of 3"
[ "$(grep -c '"outcome": "ok"' "$tmp/d/samples.json")" -eq 6 ] || {
	echo "not ok - six samples of three workloads on two engines"
	failed=1
}
has "$tmp/d/README.md" '- parts: 0, 2 of 3'
check "a part twice" 2 "$bench" --part 0/3 --rounds 1 --out "$tmp/d" fib
for wrong in 3/3 x/3 1 1/3x -1/3; do
	check "part $wrong" 2 "$bench" --part $wrong fib
	says "--part: K/N"
done
check "nothing to join" 2 "$bench" merge "$tmp/e"
check "joining what" 2 "$bench" merge
check "parts of a job array" 2 "$bench" --slurm --part 1/3 fib

# Interrupted when two samples are there: they are kept, and it says so.
"$bench" --engines native --rounds 1000 --iterations 1 --out "$tmp/c" fib >"$tmp/said" 2>&1 </dev/null &
pid=$!
i=0
while [ $i -lt 600 ] && ! grep -q '"round": 1,' "$tmp/c/samples.json" 2>/dev/null; do
	sleep 0.1
	i=$((i + 1))
done
kill -TERM $pid
kill -TERM $pid # as timeout(1) does
wait $pid
code=$?
if [ $code -eq 130 ] && grep -q '"round": 1,' "$tmp/c/samples.json" &&
	grep -q '"interrupted": "yes' "$tmp/c/samples.json" && [ -s "$tmp/c/report.html" ]; then
	echo "ok - an interruption keeps the samples"
else
	echo "not ok - an interruption keeps the samples: exit code $code"
	failed=1
fi
exit $failed
