#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# linux.sh MANYHART HARTS: Debian's kernel under load for MH_SOAK_SECONDS (20):
# harts going off and on line, files written to a disk and read back through
# dropped caches, processes forked and piped, memory filled and freed.  All
# results are compared; the kernel must not complain, and the host must find the
# file system clean.
set -u
manyhart=$1 engine=${MH_SOAK_ENGINE:-hybrid} harts=$2
here=$(cd "$(dirname "$0")/../linux" && pwd)
. "$here/lib.sh"
PATH=$PATH:/sbin:/usr/sbin
command -v mkfs.ext4 >/dev/null && command -v e2fsck >/dev/null || {
	echo "needs mkfs.ext4 and e2fsck (package e2fsprogs)"
	exit 77
}
seconds=${MH_SOAK_SECONDS:-20}
boot_timeout=$((seconds + 250))

disk=$tmp/disk.img
truncate -s 128M "$disk"
mkfs.ext4 -q -U clear "$disk" || fail "mkfs.ext4"

{
	echo "#!/bin/sh"
	echo "seconds=$seconds"
	cat <<'EOS'
mount -t ext4 /dev/vda /mnt || exit 1
end=$(($(cut -d. -f1 /proc/uptime) + seconds))
going() { [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; }
bad() { echo "soak: BAD $*"; touch /tmp/bad; }

hotplug() {
	n=0
	while going; do
		for cpu in /sys/devices/system/cpu/cpu[1-9]*; do
			echo 0 >$cpu/online || bad "$cpu off"
			echo 1 >$cpu/online || bad "$cpu on"
			n=$((n + 1))
		done
	done
	echo "soak: hotplug $n"
}
files() {
	n=0
	while going; do
		dd if=/dev/urandom of=/mnt/$1.a bs=4096 count=$((50 + n * 37 % 400)) 2>/dev/null
		sum=$(sha256sum </mnt/$1.a)
		cp /mnt/$1.a /mnt/$1.b
		sync
		echo 3 >/proc/sys/vm/drop_caches
		[ "$(sha256sum </mnt/$1.b)" = "$sum" ] || bad "file $1.b"
		[ "$(sha256sum </mnt/$1.a)" = "$sum" ] || bad "file $1.a"
		rm /mnt/$1.a /mnt/$1.b
		n=$((n + 1))
	done
	echo "soak: files.$1 $n"
}
processes() {
	n=0
	want=$(seq 500 | sort -n | md5sum)
	while going; do
		[ "$(seq 500 | sort -r | sort -n | cat | md5sum)" = "$want" ] || bad "pipe $1"
		(true | true | exit 3)
		[ $? -eq 3 ] || bad "status $1"
		n=$((n + 1))
	done
	echo "soak: processes.$1 $n"
}
memory() {
	n=0
	while going; do
		dd if=/dev/zero of=/tmp/fill bs=64k count=800 2>/dev/null
		[ "$(tr -d '\000' </tmp/fill | wc -c)" = 0 ] || bad "memory"
		rm /tmp/fill
		n=$((n + 1))
	done
	echo "soak: memory $n"
}
hotplug & files 1 & files 2 & processes 1 & processes 2 & memory &
wait
[ -e /tmp/bad ] || echo "soak: all good"
umount /mnt
EOS
} >"$tmp/script"

boot builtin "$harts" "$tmp/script" --disk "$disk"
seen "soak: all good"
for what in hotplug files.1 files.2 processes.1 processes.2 memory; do
	grep -q "^soak: $what [1-9]" "$tmp/console" || fail "$what did nothing"
done
e2fsck -fn "$disk" || fail "the host finds the file system broken"
