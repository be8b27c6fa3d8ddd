#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The newest QEMU as an oracle, beside the machine's own: Debian trixie's
# qemu-system-riscv64 and qemu-riscv64 with all the libraries they need, unpacked
# in a cache folder and started through their own dynamic loader.  Nothing is
# installed.  Prints the folder, which holds
#
#   qemu-system-riscv64  qemu-riscv64      scripts that start the programs
#   versions                               package and version, one a line
#
# Where the machine's own QEMU has graphics modules installed, the fetched one says
# on stderr that it cannot use them; that is harmless.
#
# Complete or absent; no network once it is there; --update fetches anew.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/aptroot.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/qemu
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

# launcher NAME: the program through the unpacked loader and libraries only.
launcher() {
	cat <<-END
		#!/bin/sh
		# SPDX-License-Identifier: Apache-2.0
		here=\$(cd "\$(dirname "\$(readlink -f "\$0")")" && pwd)
		r=\$here/root
		QEMU_MODULE_DIR=\$r/usr/lib/$triplet/qemu
		export QEMU_MODULE_DIR
		exec "\$r$loader" --library-path "\$r/usr/lib/$triplet:\$r/lib/$triplet" \\
			"\$r/usr/bin/$1" $2 "\$@"
	END
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9
arch=$(dpkg --print-architecture)
case $arch in
amd64) triplet=x86_64-linux-gnu loader=/usr/lib64/ld-linux-x86-64.so.2 ;;
arm64) triplet=aarch64-linux-gnu loader=/usr/lib/ld-linux-aarch64.so.1 ;;
*) aptroot_die "no recipe for a host of architecture $arch" ;;
esac
recipe=$(sha256sum <"$0" | cut -c 1-16)
if [ -z "$update" ] && [ "$(cat "$cache/current/recipe" 2>/dev/null)" = "$recipe" ]; then
	echo "$cache/current"
	exit 0
fi

echo "${0##*/}: fetching QEMU of trixie/$arch and its libraries (about 60 MB, once)" >&2
rm -rf "$cache"/work.*
work=$cache/work.$$
set=$work/set
mkdir -p "$set/root"
aptroot_init "$work/apt" "$arch" trixie
aptroot_update
aptroot_download_all "$work/debs" qemu-system-riscv qemu-user
# Debian's merged /usr: the loader is reached by the same name on all releases.
mkdir -p "$set/root/usr/lib" "$set/root/usr/lib64" "$set/root/usr/bin"
for dir in bin sbin lib lib64; do
	ln -s "usr/$dir" "$set/root/$dir"
done
for deb in "$work"/debs/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$set/root" --keep-directory-symlink \
		--wildcards --exclude='./usr/share/[!q]*' --exclude='./usr/sbin' --exclude='./var' \
		--exclude='./usr/bin/[!q]*' --exclude='./usr/lib/*/perl*' --exclude='./usr/lib/python*' \
		--exclude='./usr/lib/*/gconv'
	# shellcheck disable=SC2016
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$set/versions"
done
find "$set/root/usr/bin" -type f ! -name qemu-system-riscv64 ! -name qemu-riscv64 -delete
# shellcheck disable=SC2016
launcher qemu-system-riscv64 '-L "$r/usr/share/qemu"' >"$set/qemu-system-riscv64"
launcher qemu-riscv64 '' >"$set/qemu-riscv64"
chmod 755 "$set/qemu-system-riscv64" "$set/qemu-riscv64"
for name in qemu-system-riscv64 qemu-riscv64; do
	"$set/$name" --version >/dev/null || aptroot_die "the fetched $name does not start"
done
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
echo "$cache/current"
