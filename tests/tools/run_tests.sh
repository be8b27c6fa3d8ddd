#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./manyhart test: builds what the tests need and runs them stage by stage, each
# stage one preset and some labels of ctest:
#
#   unit    release   unit tests and checks of the tree
#   guest   release   guest programs on bare metal and on an SBI, also under QEMU; engines compared
#   asan    asan      unit tests, guest programs and lockstep again, boots of Linux
#   tsan    tsan      the same
#   fuzz    fuzz      fuzz targets, twenty seconds each from a fixed seed
#   linux   release   boots of Linux
#   soak    release   the long runs, briefly (tests/soak)
#   coverage coverage unit tests and guest programs again, then what they executed
#
# The kernel and OpenSBI are fetched once (tests/linux/fetch.sh), by the first stage that needs them.
# Failed tests show their output, skipped ones their reason.  The last line is
# "N passed, N failed, N skipped"; exit 0 only if nothing failed.  A stage that
# does not build counts as one failure and the next stages still run.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
jobs=$(nproc)

usage() {
	cat <<-END
		usage: ./manyhart test [--fast | --fuzz SECONDS | --soak SECONDS | --oracle N |
		                       --lockstep SECONDS | --stage NAME[,NAME]] [FILTER]

		  --fast           stages unit and guest only
		  --fuzz SECONDS   the fuzz targets only, each for that long; what they found
		                   stays in build/fuzz/fuzz and the next run goes on from it
		  --soak SECONDS   the soak tests only, each for that long
		  --oracle N       N million random instructions compared with QEMU, and each
		                   instruction and CSR N times as often as in the other stages
		  --lockstep SECONDS
		                   random programs for so long, on all engines in lockstep
		  --stage NAMES    only these of: unit guest asan tsan fuzz linux soak coverage
		  FILTER           only tests whose name matches this regular expression

		default: all stages, all tests
		example: ./manyhart test --fast 'mem_|guest.rt'
	END
}

stages="unit guest asan tsan fuzz linux soak coverage"
export MH_SOAK_SECONDS=10
filter=
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--fast) stages="unit guest" ;;
	--stage) stages=$(echo "${2:-}" | tr ',' ' ') && shift ;;
	--fuzz)
		stages=fuzz
		export MH_FUZZ_SECONDS="${2:-}"
		case $MH_FUZZ_SECONDS in '' | *[!0-9]*) usage >&2 && exit 2 ;; esac
		shift
		;;
	--soak)
		stages=soak
		MH_SOAK_SECONDS="${2:-}"
		case $MH_SOAK_SECONDS in '' | *[!0-9]*) usage >&2 && exit 2 ;; esac
		shift
		;;
	--oracle)
		stages=oracle
		export MH_ORACLE_MILLIONS="${2:-}"
		case $MH_ORACLE_MILLIONS in '' | 0 | *[!0-9]*) usage >&2 && exit 2 ;; esac
		shift
		;;
	--lockstep)
		stages=lockstep
		export MH_LOCKSTEP_SECONDS="${2:-}"
		case $MH_LOCKSTEP_SECONDS in '' | 0 | *[!0-9]*) usage >&2 && exit 2 ;; esac
		shift
		;;
	-*) usage >&2 && exit 2 ;;
	*) filter=$1 ;;
	esac
	shift
done

broken=
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# build PRESET: nothing to say unless it fails, and that once.
build() {
	case " $broken " in *" $1 "*) return 1 ;; esac
	build_now "$1" || {
		broken="$broken $1"
		return 1
	}
}

build_now() {
	# Each time: what the tests need may have been installed since the last.
	cmake --preset "$1" >"$tmp/log" 2>&1 || { cat "$tmp/log" && return 1; }
	cmake --build "build/$1" -j "$jobs" >"$tmp/log" 2>&1 || { cat "$tmp/log" && return 1; }
}

# From ctest's JUnit file: "status name" per test, and for a skip its last words.
results() {
	awk '
	function attr(line, name) {
		if (!match(line, " " name "=\"[^\"]*\"")) return ""
		return substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
	}
	function flush() { if (status != "") print status, name, last }
	/<testcase / { flush(); name = attr($0, "name"); status = attr($0, "status"); last = "" }
	/<system-out>/ { out = 1; sub(/.*<system-out>/, "") }
	out && !/^[ \t]*(<\/system-out>)?$/ { last = $0; sub(/<\/system-out>.*/, "", last) }
	/<\/system-out>/ { out = 0 }
	END { flush() }' "$1"
}

# stage NAME PRESET LABELS JOBS
stage() {
	begin=$(date +%s)
	if ! build "$2"; then
		echo "$1: build/$2 does not build"
		failed=$((failed + 1))
		return
	fi
	built=$(date +%s)
	rm -f "$tmp/junit.xml"
	ctest --test-dir "build/$2" -L "^($3)\$" ${filter:+-R "$filter"} -j "$4" \
		--output-on-failure --output-junit "$tmp/junit.xml" --no-tests=ignore \
		</dev/null >"$tmp/log" 2>&1
	code=$?
	p=0 f=0 s=0
	if [ -e "$tmp/junit.xml" ]; then
		results "$tmp/junit.xml" >"$tmp/results"
		p=$(grep -c '^run ' "$tmp/results")
		f=$(grep -c '^fail ' "$tmp/results")
		s=$(grep -c -E '^(notrun|disabled) ' "$tmp/results")
	fi
	if [ $code -ne 0 ]; then
		cat "$tmp/log"
		[ "$f" -gt 0 ] || f=1
	fi
	case $1 in oracle | lockstep) cat "$tmp/log" ;; esac
	[ "$s" -eq 0 ] || sed -n -E 's/^(notrun|disabled) ([^ ]*) ?/skipped: \2: /p' "$tmp/results"
	echo "$1: $p passed, $f failed, $s skipped" \
		"(built in $((built - begin)) s, ran $(($(date +%s) - built)) s)"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# What boots of Linux and tests on OpenSBI need; without it they skip and say so.
fetch_linux() {
	sh tests/linux/fetch.sh >/dev/null || echo "$name: nothing fetched"
}

# What the benchmark's group linux boots; its test is in the stage linux alone.
fetch_bench() {
	sh bench/linux/fetch.sh >/dev/null || echo "$name: nothing fetched for the benchmark"
}

# The report of a coverage stage, as one more test.
report_coverage() {
	sh tests/tools/coverage.sh build/coverage
	case $? in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
}

for name in $stages; do
	case $name in
	unit) stage unit release 'unit|tools' "$jobs" ;;
	guest) fetch_linux && stage guest release 'guest|oracle|lockstep' "$jobs" ;;
	asan) fetch_linux && stage asan asan 'unit|guest|linux|lockstep' "$jobs" ;;
	tsan) fetch_linux && stage tsan tsan 'unit|guest|linux|lockstep' "$jobs" ;;
	oracle) stage oracle release oracle-long 1 ;;
	lockstep) stage lockstep release lockstep-long 1 ;;
	linux) fetch_linux && fetch_bench && stage linux release linux "$jobs" ;;
	soak) fetch_linux && stage soak release soak 1 ;;
	fuzz)
		rm -f build/fuzz/fuzz/figures.*
		stage fuzz fuzz fuzz "$jobs"
		cat build/fuzz/fuzz/figures.* 2>/dev/null
		;;
	coverage)
		[ ! -d build/coverage ] || find build/coverage -name '*.gcda' -delete
		stage coverage coverage 'unit|guest' "$jobs"
		report_coverage
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
