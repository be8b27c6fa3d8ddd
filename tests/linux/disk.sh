#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# disk.sh MANYHART ENGINE FIRMWARE HARTS [write]: a file system on a disk is
# written, synced, and found clean and complete by the host; with "write" that is
# all.  It is read back after a reboot; a read-only disk refuses writes and keeps
# its bytes; a snapshot is written but not kept.
set -u
manyhart=$1 engine=$2
. "$(dirname "$0")/lib.sh"
for tool in mkfs.ext4 e2fsck debugfs; do
	command -v $tool >/dev/null || PATH=$PATH:/sbin:/usr/sbin
	command -v $tool >/dev/null || {
		echo "needs $tool (package e2fsprogs)"
		exit 77
	}
done

disk=$tmp/disk.img
truncate -s 64M "$disk"
mkfs.ext4 -q -U clear "$disk" || fail "mkfs.ext4"

# Nothing of the kernel's below a warning, which may come in the middle of a line of ours.
cat >"$tmp/write" <<'EOS'
#!/bin/sh
set -e
echo 5 >/proc/sys/kernel/printk
mount -t ext4 /dev/vda /mnt
dd if=/dev/urandom of=/mnt/data bs=4096 count=1000 2>/dev/null
echo rest >>/mnt/data
(cd /mnt && sha256sum data >sum)
mkdir /mnt/many
i=0
while [ $i -lt 50 ]; do echo $i >/mnt/many/$i; i=$((i + 1)); done
sync
echo "sum $(cut -d' ' -f1 /mnt/sum)"
umount /mnt
EOS
cat >"$tmp/read" <<'EOS'
#!/bin/sh
set -e
echo 5 >/proc/sys/kernel/printk
mount -t ext4 -o ro,noload /dev/vda /mnt
cd /mnt
sha256sum -c sum
echo "sum $(cut -d' ' -f1 sum)"
echo "files $(cat many/* | wc -l)"
cd / && umount /mnt
EOS
cat >"$tmp/refuse" <<'EOS'
#!/bin/sh
echo "ro $(cat /sys/block/vda/ro)"
dd if=/dev/zero of=/dev/vda bs=4096 count=1 2>/dev/null && echo written
dd if=/dev/vda of=/dev/null bs=1M count=8 2>/dev/null && echo readable
EOS
cat >"$tmp/scribble" <<'EOS'
#!/bin/sh
set -e
dd if=/dev/zero of=/dev/vda bs=1M count=4 2>/dev/null
sync
[ "$(dd if=/dev/vda bs=1M count=4 2>/dev/null | tr -d '\000' | wc -c)" = 0 ] && echo scribbled
EOS

boot "$3" "$4" "$tmp/write" --disk "$disk"
sum=$(grep '^sum ' "$tmp/console")
e2fsck -fn "$disk" || fail "the host finds the file system broken"
there=$(debugfs -R 'cat data' "$disk" 2>/dev/null | sha256sum | cut -d' ' -f1)
[ "sum $there" = "$sum" ] || fail "the host reads other data"
[ "${5:-}" != write ] || exit 0
boot "$3" "$4" "$tmp/read" --disk "$disk"
seen "data: OK"
seen "$sum"
seen "files 50"

sha256sum "$disk" >"$tmp/before"
boot "$3" "$4" "$tmp/refuse" --disk "$disk,ro"
seen "ro 1"
seen readable
! grep -qx written "$tmp/console" || fail "a read-only disk was written"
boot "$3" "$4" "$tmp/scribble" --disk "$disk,snapshot"
seen scribbled
sha256sum -c "$tmp/before" || fail "the image changed"
