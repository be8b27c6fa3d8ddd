#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# boots.sh [BUILD] [ROUNDS]: Debian's kernel from start of the program to its
# end, the guest powering off as soon as /init runs: seconds, median of ROUNDS
# (3), for the built-in SBI and both OpenSBIs on 1, 2, 4 and 8 harts.  Then the
# resident memory of a booted guest with 4 harts and 1 GiB.  Needs the files
# that tests/linux/fetch.sh keeps.
set -eu

build=${1:-build/release}
rounds=${2:-3}
linux=${XDG_CACHE_HOME:-$HOME/.cache}/manyhart/linux/current
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ -e "$linux/kernel" ] || {
	echo "boots.sh: no kernel; tests/linux/fetch.sh fetches it" >&2
	exit 2
}

# boot FIRMWARE HARTS: prints milliseconds.
boot() {
	begin=$(date +%s%N)
	"$build/manyhart" run --engine interp --firmware "$1" --harts "$2" --memory 1G \
		--kernel "$linux/kernel" --initrd "$linux/initrd.gz" --timeout 300 \
		--append 'console=ttyS0 mh.run=true' </dev/null >"$out/console" 2>/dev/null
	grep -q "manyhart: init on $2 harts" "$out/console"
	echo $((($(date +%s%N) - begin) / 1000000))
}

echo "seconds to power-off     1 hart  2 harts  4 harts  8 harts"
for firmware in builtin "$linux/opensbi-bookworm/fw_dynamic.bin" "$linux/opensbi-trixie/fw_dynamic.bin"; do
	case $firmware in
	*bookworm*) name='OpenSBI 1.1' ;;
	*trixie*) name='OpenSBI 1.6' ;;
	*) name='built-in SBI' ;;
	esac
	printf '%-22s' "$name"
	for harts in 1 2 4 8; do
		i=0
		while [ "$i" -lt "$rounds" ]; do
			i=$((i + 1))
			boot "$firmware" "$harts"
		done | sort -n | awk '{ a[NR] = $1 } END { printf "%9.2f", a[int((NR + 1) / 2)] / 1000 }'
	done
	echo
done

# Resident set of the process, and what of it is guest RAM.
(sleep 20) | "$build/manyhart" run --engine interp --harts 4 --memory 1G --kernel "$linux/kernel" \
	--initrd "$linux/initrd.gz" --append 'console=ttyS0' >"$out/console" 2>/dev/null &
i=0
until grep -q "Type 'exit'" "$out/console" 2>/dev/null || [ $i -ge 60 ]; do
	i=$((i + 1))
	sleep 1
done
sleep 1
for pid in $(pgrep -x manyhart); do
	[ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$build/manyhart")" ] || continue
	awk '/^[0-9a-f]+-/ { name = $6 } /^Rss/ { all += $2; if (name ~ /manyhart-ram/) ram += $2 }
		END { printf "resident with 4 harts, 1 GiB, at the shell: %.1f MiB, of it guest memory %.1f MiB, the rest %.1f MiB\n", all / 1024, ram / 1024, (all - ram) / 1024 }' \
		"/proc/$pid/smaps"
	kill -TERM "$pid"
done
wait
