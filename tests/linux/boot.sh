#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh MANYHART ENGINE FIRMWARE HARTS: Debian's kernel comes up on all harts,
# each of them computes the same and takes timer interrupts, and poweroff ends
# the program with 0.
set -u
manyhart=$1 engine=$2
. "$(dirname "$0")/lib.sh"

cat >"$tmp/script" <<'EOS'
#!/bin/sh
n=$(nproc)
echo "harts $n of $(grep -c ^processor /proc/cpuinfo)"
head -c 200000 /bin/busybox | sha256sum >/tmp/want
i=0
while [ $i -lt "$n" ]; do
	taskset "$(printf %x $((1 << i)))" sh -c \
		"head -c 200000 /bin/busybox | sha256sum >/tmp/got.$i" &
	i=$((i + 1))
done
wait
i=0
while [ $i -lt "$n" ]; do
	cmp /tmp/want /tmp/got.$i && echo "hart $i computes"
	i=$((i + 1))
done
awk '/timer/ { for (i = 2; i <= n + 1; i++) ok += $i > 0 } END { print "timers on " ok }' \
	n="$n" /proc/interrupts
EOS
boot "$3" "$4" "$tmp/script"
seen "harts $4 of $4"
i=0
while [ $i -lt "$4" ]; do
	seen "hart $i computes"
	i=$((i + 1))
done
seen "timers on $4"
