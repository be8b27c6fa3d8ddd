#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kill.sh KILL_DISK MANYHART WRITER: as many kills as fit into MH_SOAK_SECONDS
# (20), 50 at a time.  MH_SOAK_KILLS sets their number instead.
set -u
if [ -n "${MH_SOAK_KILLS:-}" ]; then
	exec "$1" "$2" "$3" "$MH_SOAK_KILLS"
fi
end=$(($(date +%s) + ${MH_SOAK_SECONDS:-20}))
while [ "$(date +%s)" -lt $end ]; do
	"$1" "$2" "$3" 50 || exit 1
done
