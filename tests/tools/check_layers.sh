#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check_layers.sh [TREE]: the rules that hold for every file of the tree.
#
#   upward      a file includes only its own folder and folders below it:
#                 6 bench tests   5 sim   4 isa dev (siblings)   3 jit   2 smp
#                 1 mem   0 sim/base sim/include
#               sim/include has no project includes, bench and tests are
#               included by nobody else, but bench by its unit tests.  Guest
#               programs (guest/ in sim, bench, tests) also see the runtime,
#               tests/guest/common, and so do other tests;
#               those of tests/soak, tests/sbi and tests/oracle/scenario see tests/guest.
#   unresolved  a quoted include that names no file
#   cycle       files that include each other in a circle
#   spdx        a source without the SPDX line at its top
#   private     a file that names this machine's package mirror or the path of
#               this checkout
#
# One line per finding: rule, file, what.  Exit 0 if there is none, else 1.
# check_layers_test.sh tests it.
set -u

tree=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
cd "$tree" || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# In a checkout what git would take, else everything.
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$tree" ]; then
	git ls-files -co --exclude-standard
else
	find . -path ./build -prune -o -type f -print | sed 's|^\./||'
fi | while read -r f; do [ -f "$f" ] && echo "$f"; done | LC_ALL=C sort -u >"$tmp/files"

# "FILE include FILE": quoted includes of C, headers, tables and assembler.
grep -E '\.(c|h|inc|def|S)$' "$tmp/files" | while read -r f; do
	sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*|\1|p' "$f" |
		sed "s|^|$f |"
done >"$tmp/quoted"

awk -v pairs="$tmp/pairs" '
FILENAME ~ /files$/ { exists[$1] = 1; next }

# The folder a file belongs to, and the layer of a folder.
function folder(f) {
	if (f ~ /^sim\/base\//) return "sim/base"
	if (f ~ /^sim\/include\//) return "sim/include"
	return f ~ /\// ? substr(f, 1, index(f, "/") - 1) : ""
}
function layer(d) {
	if (d == "sim/base" || d == "sim/include") return 0
	if (d == "mem") return 1
	if (d == "smp") return 2
	if (d == "jit") return 3
	if (d == "isa" || d == "dev") return 4
	if (d == "sim") return 5
	if (d == "bench" || d == "tests") return 6
	return -1
}
function finding(rule, file, what) { print rule ": " file ": " what }

{
	file = $1; name = $2
	dir = file; sub(/[^\/]*$/, "", dir)
	if ((dir name) in exists) target = dir name
	else if (name in exists) target = name
	else if (file ~ /^(sim|tests|bench)\/guest\// && ("tests/guest/common/" name) in exists)
		target = "tests/guest/common/" name
	else if (file ~ /^tests\/(soak|sbi|oracle\/scenario)\// && ("tests/guest/" name) in exists)
		target = "tests/guest/" name
	else { finding("unresolved", file, "\"" name "\""); next }
	print file, target >pairs
	if (file ~ /^(tests|(sim|bench)\/guest)\// && target ~ /^tests\/guest\/common\//)
		next

	if (file ~ /^tests\/unit\/bench_/ && target ~ /^bench\//)
		next

	from = folder(file); to = folder(target)
	if (layer(from) < 0 || layer(to) < 0)
		finding("upward", file, target " is in no layer")
	else if (from == to && from != "sim/include")
		next
	else if (from == "sim/include")
		finding("upward", file, "the public header includes " target)
	else if (layer(to) == 6)
		finding("upward", file, target " (included by nobody else)")
	else if (layer(to) > layer(from))
		finding("upward", file, target)
	else if (layer(to) == layer(from) && layer(to) != 0)
		finding("upward", file, target " (sibling)")
}' "$tmp/files" "$tmp/quoted" >"$tmp/findings"

# A table (.def, .inc) that is included by what it includes is a cycle too.
if [ -s "$tmp/pairs" ]; then
	tsort "$tmp/pairs" 2>"$tmp/loops" >/dev/null ||
		sed -n '/input contains a loop/d; s/^tsort: [^:]*: //p; s/^tsort: //p' "$tmp/loops" |
		awk '{ print "cycle: " $1 ": part of an include cycle" }' |
			LC_ALL=C sort -u >>"$tmp/findings"
fi

grep -E '(\.(c|h|inc|def|S|sh|py|ld|cmake|t|ir|yml)|CMakeLists\.txt|\.clang-tidy)$' "$tmp/files" |
	while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' ||
			echo "spdx: $f: no SPDX line at the top"
	done >>"$tmp/findings"
while read -r f; do
	head -n 1 "$f" | grep -q '^#!' || continue
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' ||
		echo "spdx: $f: no SPDX line at the top"
done <"$tmp/files" >>"$tmp/findings"

# Hosts that this machine's apt uses (or CHECK_PRIVATE), and where this checkout is.
: >"$tmp/private"
if [ -n "${CHECK_PRIVATE:-}" ]; then
	echo "$CHECK_PRIVATE" >>"$tmp/private"
elif command -v apt-get >/dev/null; then
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI)' 2>/dev/null |
		sed -n 's|^[a-z+]*://\([^/@]*@\)\{0,1\}\([^/:]*\).*|\2|p' >>"$tmp/private"
	apt-config dump 2>/dev/null |
		sed -n 's|^Acquire::https\{0,1\}::Proxy "[a-z]*://\([^/:"]*\).*|\1|p' >>"$tmp/private"
fi
[ ${#tree} -le 4 ] || echo "$tree/" >>"$tmp/private"
if [ -s "$tmp/private" ]; then
	LC_ALL=C sort -u -o "$tmp/private" "$tmp/private"
	tr '\n' '\0' <"$tmp/files" | xargs -0 grep -IlF -f "$tmp/private" -- 2>/dev/null |
		sed 's|$|: names a host or a path of this machine|; s|^|private: |' >>"$tmp/findings"
fi

LC_ALL=C sort -u "$tmp/findings"
[ ! -s "$tmp/findings" ]
