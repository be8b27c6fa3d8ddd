# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# The workload shell: nothing but what the shell does itself.
i=0 sum=7 word=
while [ $i -lt 4000 ]; do
	sum=$(((sum * 31 + i) % 65521))
	case $sum in
	*00) word=hundred ;;
	*[02468]) word=even ;;
	*) word=odd$word ;;
	esac
	[ ${#word} -lt 40 ] || word=${word%odd*}
	i=$((i + 1))
done
echo "$sum $word"
