#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetches what the Linux tests and "run --linux" boot, through the machine's own
# Debian mirror but without changing the machine: the riscv64 kernel of suite
# trixie as it is packaged, a static busybox, OpenSBI of trixie and bookworm;
# and makes the initramfs.  The set is complete or absent:
#
#   $cache/current/kernel          the package's file, an EFI-stub Image
#   $cache/current/initrd.gz       busybox, modules, tests/linux/init as /init
#   $cache/current/opensbi-trixie/ fw_dynamic.bin .elf, fw_jump.bin .elf (1.6)
#   $cache/current/opensbi-bookworm/   the same of Debian 12 (1.1)
#   $cache/current/versions        package and version, one a line
#
# Once it is there no network is used; a changed init or module list is rebuilt
# from the kept packages.  --update asks the mirror for newer ones.  Prints the
# set's path.  Several may run at once.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools/aptroot.sh"

usage() {
	cat <<-END
		usage: ${0##*/} [--update] [--cache DIR]
		  --update     look for newer packages (default: only what is missing)
		  --cache DIR  where to keep everything (default: $cache)
		example: ${0##*/} && ls \$(${0##*/})
	END
}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/linux
update=
while [ $# -gt 0 ]; do
	case $1 in
	--update) update=1 ;;
	--cache) cache=$2 && shift ;;
	--help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done

# Modules to load, with what they depend on, in this order.  What the kernel has
# built in is left out.  The second list (10 MB of code) only where a disk is;
# ext4 finds crc32c by name only, so it is listed.
modules="virtio_mmio virtio_blk virtio-rng virtio_console"
modules_disk="crc32c_generic ext4"
kernel_meta=linux-image-riscv64

log() {
	echo "${0##*/}: $*" >&2
}

# ---- packages ---------------------------------------------------------------
download() {
	log "fetching packages of trixie/riscv64 (about 115 MB, once)"
	new=$cache/debs.new.$$
	rm -rf "$new"
	aptroot_init "$cache/apt-trixie" riscv64 trixie
	aptroot_update
	kernel=$(aptroot_real $kernel_meta 'linux-image-*')
	[ -n "$kernel" ] || aptroot_die "$kernel_meta depends on no kernel package"
	aptroot_download "$new" "$kernel" busybox-static opensbi
	mv "$new/$kernel.deb" "$new/kernel.deb"
	mv "$new/opensbi.deb" "$new/opensbi-trixie.deb"
	unset APT_CONFIG
	# bookworm has no riscv64; the package is for all architectures.
	aptroot_init "$cache/apt-bookworm" "$(dpkg --print-architecture)" bookworm
	aptroot_update
	aptroot_download "$new" opensbi
	mv "$new/opensbi.deb" "$new/opensbi-bookworm.deb"
	rm -rf "$cache/debs.old"
	[ ! -e "$cache/debs" ] || mv "$cache/debs" "$cache/debs.old"
	mv "$new" "$cache/debs"
	rm -rf "$cache/debs.old" "$cache/apt-trixie" "$cache/apt-bookworm"
}

# ---- initramfs --------------------------------------------------------------
# A module's file by its name; - and _ are the same.
module_file() {
	find "$moddir" -name "$(echo "$1" | sed 's/[-_]/[-_]/g').ko*" | head -n 1
}

module_builtin() {
	grep -q "/$(echo "$1" | sed 's/[-_]/[-_]/g')\.ko\$" "$moddir/modules.builtin"
}

# module_add NAME LIST: NAME after its dependencies into the tree and LIST, one
# of the files of load order.
module_add() (
	name=$1
	list=$tree/lib/modules/$2
	! cat "$tree"/lib/modules/order* | grep -qx "$name" || return 0
	file=$(module_file "$name")
	if [ -z "$file" ]; then
		module_builtin "$name" || aptroot_die "the kernel package has no module $name"
		return 0
	fi
	ko=$tree/lib/modules/$name.ko
	case $file in
	*.xz) xz -dc "$file" >"$ko" ;;
	*.zst) zstd -qdc "$file" >"$ko" ;;
	*.gz) gzip -dc "$file" >"$ko" ;;
	*) cp "$file" "$ko" ;;
	esac
	for dep in $(tr '\0' '\n' <"$ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
		module_add "$dep" "$2"
	done
	echo "$name" >>"$list"
)

make_initramfs() {
	mkdir -p "$tree/bin" "$tree/sbin" "$tree/usr/bin" "$tree/usr/sbin" "$tree/lib/modules" \
		"$tree/proc" "$tree/sys" "$tree/dev" "$tree/root" "$tree/etc"
	dpkg-deb -x "$cache/debs/busybox-static.deb" "$work/busybox"
	cp "$work/busybox/usr/bin/busybox" "$tree/bin/busybox"
	cp "$here/init" "$tree/init"
	chmod 755 "$tree/init" "$tree/bin/busybox"
	tr '\0' '\n' <"$tree/bin/busybox" | LC_ALL=C grep -ax '[][a-z0-9._-]*' >"$work/words"
	for name in $applets; do
		! grep -qxF -e "$name" "$work/words" || ln -s busybox "$tree/bin/$name"
	done
	: >"$tree/lib/modules/order"
	: >"$tree/lib/modules/order.disk"
	for name in $modules; do
		module_add "$name" order
	done
	for name in $modules_disk; do
		module_add "$name" order.disk
	done
	(cd "$tree" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) |
		gzip -9n >"$set/initrd.gz"
}

# Links for the applets that scripts use, as far as this busybox has them (it
# cannot be asked, it is for another machine; its table of names can be read).
# Any other runs as "busybox NAME".
applets="sh ash cat echo ls cp mv rm ln mkdir rmdir mount umount mknod chmod chown touch test [ [[
	true false sleep sync dd cmp diff head tail wc sort uniq cut tr sed awk grep egrep find xargs
	printf seq expr nproc uname hostname dmesg date time usleep kill killall pidof ps top free
	uptime vmstat taskset nice renice stty setsid cttyhack getty login poweroff reboot halt
	insmod lsmod rmmod modprobe blockdev losetup blkid fdisk hexdump od xxd
	md5sum sha1sum sha256sum sha512sum cksum gzip gunzip zcat tar cpio vi less more env which
	readlink realpath stat du df tee yes who id su watch timeout ifconfig ip ping wget nc
	hwclock rtcwake chrt devmem unshare factor bc dc"

# ---- the set ----------------------------------------------------------------
make_set() {
	log "making the set in $cache"
	work=$cache/work.$$
	tree=$work/tree
	set=$work/set
	mkdir -p "$tree" "$set"
	dpkg-deb -x "$cache/debs/kernel.deb" "$work/kernel"
	moddir=$(echo "$work"/kernel/usr/lib/modules/*)
	[ -d "$moddir" ] || moddir=$(echo "$work"/kernel/lib/modules/*)
	kernel=$(find "$work/kernel/boot" -name 'vmlinu[xz]-*' | head -n 1)
	[ -n "$kernel" ] || aptroot_die "the kernel package has no kernel"
	cp "$kernel" "$set/kernel"
	make_initramfs
	for suite in trixie bookworm; do
		dpkg-deb -x "$cache/debs/opensbi-$suite.deb" "$work/$suite"
		mkdir "$set/opensbi-$suite"
		cp "$work/$suite"/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_* \
			"$set/opensbi-$suite/"
	done
	for deb in "$cache"/debs/*.deb; do
		# shellcheck disable=SC2016
		dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
	done >"$set/versions"
	echo "$recipe" >"$set/recipe"
	name=set-$(cat "$set/versions" "$set/recipe" | sha256sum | cut -c 1-12)
	rm -rf "${cache:?}/$name"
	mv "$set" "$cache/$name"
	ln -s "$name" "$work/current"
	mv -T "$work/current" "$cache/current"
	rm -rf "$work"
	for old in "$cache"/set-*; do
		[ "${old##*/}" = "$name" ] || rm -rf "$old"
	done
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/work.* "$cache"/debs.new.*
for tool in cpio gzip xz; do
	command -v $tool >/dev/null || aptroot_die "needs $tool"
done

recipe=$(cat "$0" "$here/init" | sha256sum | cut -c 1-16)
if [ -n "$update" ] || [ ! -e "$cache/debs/kernel.deb" ]; then
	download
fi
if [ -n "$update" ] || [ "$(cat "$cache/current/recipe" 2>/dev/null)" != "$recipe" ]; then
	make_set
fi
echo "$cache/current"
