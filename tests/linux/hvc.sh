#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hvc.sh MANYHART ENGINE FIRMWARE HARTS: the virtio console is hvc0: what the
# guest writes there is in the host's file, in order and complete, while the
# kernel's console stays on the UART.
set -u
manyhart=$1 engine=$2
. "$(dirname "$0")/lib.sh"

cat >"$tmp/script" <<'EOS'
#!/bin/sh
seq 1 5000 >/dev/hvc0
echo "written"
EOS
boot "$3" "$4" "$tmp/script" --virtio-console "$tmp/hvc"
seen written
tr -d '\r' <"$tmp/hvc" >"$tmp/lines"
seq 1 5000 | cmp - "$tmp/lines" || fail "hvc0 lost or changed something"
