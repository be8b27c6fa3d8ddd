#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes tests/unit/data/riscv_disasm.txt: instruction words and what GNU objdump
# -M no-aliases says of them, for tests/unit/isa_riscv_disasm.c.  Run by hand when
# insns.def grows; the result is checked in, so that the tests need no binutils.
#
#   tests/tools/gen_disasm_golden.sh [OUTPUT]
#
# Lines are "WORD TEXT" or, where the text has an address, "WORD@PC TEXT".  Words:
# every 16-bit one, REPEAT for each 32-bit line of insns.def with random operands,
# and RANDOM_WORDS that share only the major opcode with one.  The words come from
# the table under test, the text does not; words that the table lacks are covered
# by the last kind.
set -eu

REPEAT=24
RANDOM_WORDS=6000
MARCH=rv64gc_zba_zbb_zbc_zbkb_zbkx_zbs_zknd_zkne_zknh_zksed_zksh_zicbom_zicbop_zicboz_zawrs_svinval_zihintpause_zfh
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$top/tests/unit/data/riscv_disasm.txt}
prefix=${CROSS_COMPILE:-riscv64-unknown-elf-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Pictures to assembler lines.  An own generator: awk's rand() differs by awk.  It starts
# anew for each line of the table, so that a new line changes no other line's words.
awk -v repeat=$REPEAT -v random_words=$RANDOM_WORDS '
function random_bit() {
	seed = seed * 16807 % 2147483647
	return int(seed / 65536) % 2
}
function seed_with(text,  i) {
	seed = 20240229
	for (i = 1; i <= length(text); i++)
		seed = (seed * 37 + index("01abcdefghijklmnopqrstuvwxyz-", substr(text, i, 1))) % 2147483647
}
function nibble(bits,  value) {
	value = substr(bits, 1, 1) * 8 + substr(bits, 2, 1) * 4
	value += substr(bits, 3, 1) * 2 + substr(bits, 4, 1)
	return substr("0123456789abcdef", 1 + value, 1)
}
function emit(picture,  i, bits, hex) {
	bits = hex = ""
	for (i = 1; i <= 32; i++)
		bits = bits (substr(picture, i, 1) ~ /[01]/ ? substr(picture, i, 1) : random_bit())
	for (i = 1; i <= 32; i += 4)
		hex = hex nibble(substr(bits, i, 4))
	print ".insn 4, 0x" hex
}
BEGIN {
	for (i = 0; i < 65536; i++)
		if (i % 4 != 3)
			printf ".insn 2, 0x%04x\n", i
}
/^(INSN2?|HINT)\(/ {
	split($0, quoted, "\"")
	picture = quoted[2]
	gsub(/ /, "", picture)
	if (/AMOQ/) {	# odd registers are reserved
		sub(/ttttt/, "tttt0", picture)
		sub(/ddddd/, "dddd0", picture)
	}
	if (/RNUM/)	# 11 to 15 are reserved
		sub(/iiii/, "0iii", picture)
	seed_with(picture)
	for (i = 0; i < repeat; i++)
		emit(picture)
	# objdump knows the exact conversions with rm = 0 only.
	if (sub(/mmm/, "000", picture))
		for (i = 0; i < repeat; i++)
			emit(picture)
	opcode = substr(picture, 26)
	if (!(opcode in seen)) {
		seen[opcode] = 1
		opcodes[count++] = opcode
	}
}
END {
	print ".section .text.random, \"ax\""
	seed_with("")
	for (i = 0; i < random_words; i++)
		emit("-------------------------" opcodes[i % count])
}' "$top/isa/riscv/insns.def" >"$tmp/words.s"

"${prefix}as" -march=$MARCH -o "$tmp/words.o" "$tmp/words.s"
{
	echo "# SPDX-License-Identifier: Apache-2.0"
	echo "# Written by tests/tools/gen_disasm_golden.sh from $("${prefix}objdump" --version | head -n 1)"
	"${prefix}objdump" -d -z -M no-aliases "$tmp/words.o" | awk -F '\t' '
	/^ *[0-9a-f]+:\t/ {
		pc = $1
		gsub(/[ :]/, "", pc)
		word = $2
		gsub(/ /, "", word)
		text = $4 == "" ? $3 : $3 "\t" $4
		sub(/ +#.*/, "", text)
		if (text ~ / <.*>$/) {
			sub(/ <.*>$/, "", text)
			match(text, /[0-9a-f]+$/)
			text = substr(text, 1, RSTART - 1) "0x" substr(text, RSTART)
			word = word "@" pc
		}
		sub(/ +$/, "", text)
		print word " " text
	}'
} >"$tmp/out"
mkdir -p "$(dirname "$out")"
mv "$tmp/out" "$out"
