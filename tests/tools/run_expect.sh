#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run_expect.sh CODE COMMAND...: 0 if COMMAND ends with CODE, 77 if with 77, else
# 1 and a word why.  Standard input is closed to it.  A word @disk@ becomes the
# name of a new image of 1 MiB that is gone afterwards.
want=$1
shift
case " $* " in
*" @disk@ "*)
	disk=$(mktemp) && truncate -s 1M "$disk" || exit 1
	trap 'rm -f "$disk"' EXIT
	for word; do
		shift
		[ "$word" != @disk@ ] || word=$disk
		set -- "$@" "$word"
	done
	;;
esac
"$@" </dev/null
got=$?
[ $got -eq "$want" ] && exit 0
[ $got -eq 77 ] && exit 77
echo "exit code $got, expected $want: $*" >&2
exit 1
