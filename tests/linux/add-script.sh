#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# add-script.sh INITRD SCRIPT OUT [FILE...]: a copy of INITRD whose /init runs
# SCRIPT (any length) and powers off.  FILEs are put beside it, in /mh.  The
# kernel unpacks concatenated archives in turn, so INITRD is not unpacked.
set -eu

[ $# -ge 3 ] || {
	echo "usage: ${0##*/} INITRD SCRIPT OUT [FILE...]" >&2
	exit 2
}
initrd=$1 script=$2 out=$3
shift 3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$out.tmp.$$"' EXIT
mkdir "$tmp/mh"
cp "$script" "$tmp/mh/run"
chmod 755 "$tmp/mh/run"
[ $# -eq 0 ] || cp "$@" "$tmp/mh/"
cp "$initrd" "$out.tmp.$$"
# Each archive must begin on a 4-byte boundary.
size=$(wc -c <"$out.tmp.$$")
pad=$(((4 - size % 4) % 4))
[ $pad -eq 0 ] || head -c $pad /dev/zero >>"$out.tmp.$$"
(cd "$tmp" && find mh | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -9n >>"$out.tmp.$$"
mv "$out.tmp.$$" "$out"
