#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# console.sh MANYHART ENGINE PTY_EXPECT: a user at a terminal.  Keys reach the
# shell, Ctrl-C goes to the guest, Ctrl-A h helps, Ctrl-A x ends the run, poweroff
# ends it with 0; the terminal is left as it was found (pty_expect checks).
set -u
manyhart=$1 engine=$2 pty=$3
. "$(dirname "$0")/lib.sh"

run() {
	"$pty" 250 "$@" -- "$manyhart" run --engine "$engine" --harts 2 --memory 1G \
		--kernel "$cache/kernel" --initrd "$cache/initrd.gz" --append 'console=ttyS0 quiet'
}

# What is waited for is never what the terminal echoes: the shell computes it.
# shellcheck disable=SC2016
run 'wait:manyhart# ' 'send:echo a$((6*7))b\r' 'wait:a42b' \
	'send:echo r$((6*9))s; cat\r' 'wait:r54s' 'send:twice\r' 'wait:twice' 'wait:twice' \
	'send:\003' 'wait:manyhart# ' \
	'send:echo c$((6*8))d\r' 'wait:c48d' 'send:poweroff -f\r' || fail "poweroff: exit code $?"
run 'wait:manyhart# ' 'send:\001h' 'wait:Ctrl-A' 'send:\r' 'wait:manyhart# ' 'send:\001x'
code=$?
[ $code -eq 0 ] || fail "Ctrl-A x: exit code $code"
