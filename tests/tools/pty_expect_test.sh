#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests pty_expect with the shell's own programs.
# shellcheck disable=SC2016
set -u
pty=$1
failed=0

# expect CODE ARGS...: pty_expect ends with CODE.
expect() {
	want=$1
	shift
	timeout 20 "$pty" "$@" </dev/null >/dev/null 2>&1
	got=$?
	[ $got -eq "$want" ] && return
	echo "not ok: exit code $got, expected $want: $*"
	failed=1
}

expect 0 5 'send:hello\r' wait:hello wait:hello 'send:\004' -- cat
expect 3 5 wait:24 -- sh -c 'stty size; exit 3'
expect 0 5 size:10,20 'send:x\r' 'wait:10 20' -- sh -c 'read x; stty size'
expect 1 1 wait:never -- sleep 9
expect 1 5 wait:never -- true
expect 1 1 -- sleep 9
expect 1 5 -- stty -icanon
expect 0 5 -- sh -c 'old=$(stty -g); stty raw; stty "$old"'
expect 143 5 -- sh -c 'kill $$'
expect 2 5 --
expect 2
exit $failed
