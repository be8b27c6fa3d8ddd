#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# syscalls.sh CC: the host's system calls by number, as designated initialisers of
# an array of names, from the C library's headers.
echo '#include <sys/syscall.h>' | "$1" -E -dM -x c - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/[\2] = "\1",/p' | sort
