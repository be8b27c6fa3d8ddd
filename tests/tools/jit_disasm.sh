#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   jit_disasm.sh FILE     what `manyhart run --jit-dump FILE` wrote, with the host code disassembled
#
# Needs as and objdump (binutils) for the host's own processor.  All pieces of host code become one
# object file, one behind the other, so jumps are right within a region only.
set -eu

[ $# -eq 1 ] && [ -r "$1" ] || {
	sed -n '4s/^# *//p' "$0" >&2
	exit 2
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# Pieces by number: the symbol that objdump prints at its head finds its place in the dump again.
awk '
/^  host / { piece = 1; printf "piece_%d:\n", n++; next }
/^    [0-9a-f][0-9a-f]( |$)/ && piece { gsub(/[0-9a-f][0-9a-f]/, "0x&"); gsub(/ +0x/, ",0x"); sub(/^,/, "")
	print ".byte " $0; next }
{ piece = 0 }' "$1" >"$tmp/code.s"
as "$tmp/code.s" -o "$tmp/code.o"
objdump -d --no-addresses --no-show-raw-insn "$tmp/code.o" >"$tmp/listing"
awk -v listing="$tmp/listing" '
BEGIN {
	while ((getline line < listing) > 0)
		if (match(line, /^<piece_[0-9]+>:/)) name = substr(line, 2, RLENGTH - 3)
		else if (line ~ /^\t/) text[name] = text[name] "    " substr(line, 2) "\n"
}
/^  host / { piece = 1; print; printf "%s", text["piece_" n++]; next }
/^    [0-9a-f][0-9a-f]( |$)/ && piece { next }
{ piece = 0; print }' "$1"
