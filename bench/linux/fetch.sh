#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetches what the workloads of the group linux run on: programs of Debian's suite
# trixie for riscv64 and the libraries they need, through the machine's own mirror
# but without changing the machine; builds bench_linux for it; and makes initial
# file systems, each of which has all of the one before:
#
#   $cache/set-*/initrd-base       busybox, dash, the C library, bench_linux
#   $cache/set-*/initrd-programs   xz, openssl, sqlite3, python3
#   $cache/set-*/initrd-gcc        gcc and what it needs to compile and link
#   $cache/set-*/versions          package and version, one a line
#
# They are not compressed: unpacking would be most of what a short run does.  The
# kernel is the one of tests/linux/fetch.sh, which this runs first.  The set is
# complete or absent, and another one is made when a source changed; once the
# packages are here no network is used.  The last two sets stay, for who is at work
# with one while another checkout makes its own.  Prints the set's path.  Several may
# run at once.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/tests/tools/aptroot.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/bench
update=
while [ $# -gt 0 ]; do
	case $1 in
	--update) update=1 ;;
	--cache) cache=$2 && shift ;;
	--help) echo "usage: ${0##*/} [--update] [--cache DIR]   (cache: $cache)" && exit 0 ;;
	*) echo "usage: ${0##*/} [--update] [--cache DIR]" >&2 && exit 2 ;;
	esac
	shift
done

packages="dash xz-utils openssl sqlite3 python3-minimal gcc-14 libc6-dev"
triplet=riscv64-linux-gnu

# What the workloads read, on the host from the checkout; and with it what decides
# about the set besides the packages.
inputs="linux/loop.sh linux/query.sql linux/script.py linux/compile.c workloads.def
	guest/workload.h guest/text.c guest/integer_lz.c"
sources="$here/fetch.sh $here/init $top/bench/linux.def $here/*.c $here/*.h"

# ---- packages ---------------------------------------------------------------
download() {
	echo "${0##*/}: fetching packages of trixie/riscv64 (about 80 MB, once)" >&2
	new=$cache/debs.new.$$
	aptroot_init "$work/apt" riscv64 trixie
	aptroot_update
	# shellcheck disable=SC2086
	aptroot_download_all "$new" $packages
	unset APT_CONFIG
	rm -rf "$cache/debs"
	mv "$new" "$cache/debs"
}

# ---- trees ------------------------------------------------------------------
# Debian's merged /usr: each is reached by both names.
make_tree() {
	mkdir -p "$1/usr/bin" "$1/usr/lib"
	for dir in bin lib; do
		ln -s "usr/$dir" "$1/$dir"
	done
}

# Where the loader would find library NAME, as a path from the root.
library() {
	for dir in usr/lib usr/lib/$triplet; do
		[ ! -e "$root/$dir/$1" ] || { echo "$dir/$1" && return; }
	done
	aptroot_die "no library $1 in the packages"
}

# add TREE PATH...: a folder, or a file, a link as what it points to, into the tree,
# and, for a program or library, what it needs; what an earlier tree has is left out.
add() (
	tree=$1
	shift
	for path in "$@"; do
		had=
		for earlier in $trees; do
			[ ! -e "$work/$earlier/$path" ] || had=1
		done
		[ -z "$had" ] || continue
		mkdir -p "$work/$tree/$(dirname "$path")"
		if [ -d "$root/$path" ]; then
			cp -r "$root/$path" "$work/$tree/$path"
			continue
		fi
		cp -L "$root/$path" "$work/$tree/$path"
		for needed in $(readelf -d "$root/$path" 2>/dev/null |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
			add "$tree" "$(library "$needed")"
		done
	done
)

# bench_linux against Debian's libc, by the compiler of the guest programs: its linker
# is not made for shared objects, but takes them if it is told all of them.
build_program() {
	cc=$(command -v riscv64-unknown-elf-gcc || command -v riscv64-linux-gnu-gcc) ||
		aptroot_die "needs a compiler for RISC-V"
	lib=$root/usr/lib/$triplet gcc_lib=$root/usr/lib/gcc/$triplet/14
	"$cc" -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -march=rv64gc -mabi=lp64d \
		-mcmodel=medany -fno-pic -no-pie -fno-strict-aliasing -fno-stack-protector \
		-mno-relax -nostdlib -nostdinc \
		-isystem "$("$cc" -print-file-name=include)" \
		-isystem "$root/usr/include/$triplet" -isystem "$root/usr/include" -I"$top" \
		-o "$1" "$lib/crt1.o" "$lib/crti.o" "$gcc_lib/crtbegin.o" "$here/main.c" "$here/kernel.c" \
		"$here/programs.c" "$top/bench/guest/text.c" "$lib/libc.so.6" \
		"$lib/ld-linux-riscv64-lp64d.so.1" "$lib/libc_nonshared.a" -lgcc \
		"$gcc_lib/crtend.o" "$lib/crtn.o" \
		-Wl,-dynamic-linker,/lib/ld-linux-riscv64-lp64d.so.1 -Wl,-rpath-link,"$lib" ||
		aptroot_die "cannot build bench_linux"
}

make_base() {
	make_tree "$work/base"
	trees=base
	mkdir -p "$work/base/bench/bench/linux" "$work/base/bench/bench/guest" "$work/base/proc" \
		"$work/base/sys" "$work/base/dev" "$work/base/tmp" "$work/base/root"
	cp "$busybox" "$work/base/usr/bin/busybox"
	cp "$here/init" "$work/base/init"
	chmod 755 "$work/base/init" "$work/base/usr/bin/busybox"
	ln -s dash "$work/base/usr/bin/sh"
	add base usr/bin/dash
	build_program "$work/base/bench/bench_linux"
	for input in $inputs; do
		cp "$top/bench/$input" "$work/base/bench/bench/$input"
	done
}

make_programs() {
	add programs usr/bin/xz usr/bin/openssl usr/bin/sqlite3 usr/bin/python3 \
		"$(cd "$root" && echo usr/lib/python3.*)"
	mkdir -p "$work/programs/usr/lib/ssl"
	cp "$root/etc/ssl/openssl.cnf" "$work/programs/usr/lib/ssl/openssl.cnf"
	trees="$trees programs"
}

make_gcc() {
	gcc=usr/lib/gcc/$triplet/14 libexec=usr/libexec/gcc/$triplet/14
	lib=usr/lib/$triplet
	add gcc usr/bin/gcc-14 usr/bin/as usr/bin/ld $libexec/cc1 $libexec/collect2 \
		$libexec/liblto_plugin.so $gcc/include $gcc/libgcc.a $gcc/libgcc_s.so \
		$gcc/crtbeginS.o $gcc/crtendS.o $lib/libgcc_s.so.1 $lib/Scrt1.o $lib/crti.o $lib/crtn.o \
		$lib/libc.so $lib/libc_nonshared.a $lib/libc.so.6 usr/include/asm-generic \
		usr/include/linux usr/include/$triplet
	(cd "$root" && cp usr/include/*.h "$work/gcc/usr/include/")
	ln -s gcc-14 "$work/gcc/usr/bin/gcc"
}

archive() {
	(cd "$work/$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
}

# ---- the set ----------------------------------------------------------------
make_set() {
	set=$work/set root=$work/root trees=
	mkdir -p "$set" "$root"
	make_tree "$root"
	for deb in "$cache"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
			--wildcards --exclude='./usr/share' --exclude='*/lto1' --exclude='*lto-dump*' \
			--exclude='lib?san*' --exclude='./usr/lib/*/gconv'
		# shellcheck disable=SC2016
		dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$set/versions"
	done
	dpkg-deb --fsys-tarfile "$busybox_deb" | tar -x -C "$work" ./usr/bin/busybox
	busybox=$work/usr/bin/busybox
	make_base
	make_programs
	make_gcc
	archive base >"$set/initrd-base"
	{ cat "$set/initrd-base" && archive programs; } >"$set/initrd-programs"
	{ cat "$set/initrd-programs" && archive gcc; } >"$set/initrd-gcc"
	mv "$set" "$cache/$name"
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/work.* "$cache"/debs.new.*
work=$cache/work.$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for tool in cpio readelf; do
	command -v $tool >/dev/null || aptroot_die "needs $tool"
done
linux=$(sh "$top/tests/linux/fetch.sh")
busybox_deb=${linux%/current}/debs/busybox-static.deb

[ -z "$update" ] && [ -e "$cache/debs" ] || download
# shellcheck disable=SC2086
name=set-$(cd "$top/bench" && { ls "$cache/debs" && cat $sources $inputs "$busybox_deb"; } |
	sha256sum | cut -c 1-12)
[ -e "$cache/$name" ] || make_set
touch "$cache/$name"
# shellcheck disable=SC2012
ls -dt "$cache"/set-* | tail -n +3 | while read -r old; do
	rm -rf "$old"
done
echo "$cache/$name"
