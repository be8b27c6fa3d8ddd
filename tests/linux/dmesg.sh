#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dmesg.sh MANYHART ENGINE FIRMWARE HARTS: the kernel's warnings (level 4 and
# worse) here are among those it gives on QEMU's virt machine with the same
# firmware.  Numbers are not compared, nor what only says that the host was busy.
set -u
manyhart=$1 engine=$2
. "$(dirname "$0")/lib.sh"
qemu=$(command -v qemu-system-riscv64) || {
	echo "needs qemu-system-riscv64 to compare with"
	exit 77
}

cat >"$tmp/script" <<'EOS'
#!/bin/sh
dmesg -r | sed 's/^/dmesg: /'
EOS

# warnings FILE: the messages of level 0 to 4 without time stamps and numbers.
warnings() {
	tr -d '\r' <"$1" | sed -n 's/^dmesg: <[0-4]>\[ *[0-9.]*\] *//p' |
		sed 's/0x[0-9a-f]*/N/g; s/[0-9a-f]\{8,\}/N/g; s/[0-9][0-9]*/N/g' |
		grep -v '^hrtimer: interrupt took' | LC_ALL=C sort -u
}

boot "$3" "$4" "$tmp/script" >"$tmp/shown" || { cat "$tmp/shown" && exit 1; }
case $3 in
builtin) bios=$cache/opensbi-trixie/fw_dynamic.bin ;;
*) bios=$(firmware_of "$3") ;;
esac
timeout 120 "$qemu" -M virt -smp "$4" -m 1G -nographic -bios "$bios" -kernel "$cache/kernel" \
	-initrd "$tmp/initrd.gz" -append 'console=ttyS0' </dev/null >"$tmp/qemu" 2>&1
grep -q 'manyhart: exit 0' "$tmp/qemu" || fail "QEMU did not get through"
warnings "$tmp/console" >"$tmp/ours"
warnings "$tmp/qemu" >"$tmp/theirs"
new=$(LC_ALL=C comm -23 "$tmp/ours" "$tmp/theirs")
echo "# $(wc -l <"$tmp/ours") warnings here, $(wc -l <"$tmp/theirs") on QEMU"
[ -z "$new" ] || fail "warnings that QEMU's machine does not give:
$new"
