#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install_test.sh BUILD CC: what is installed can be used.  The public header
# stands alone, the shared library exports what the header declares and nothing
# else, and a program found by pkg-config links both ways and runs.
set -u
build=$1 cc=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

check() {
	what=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		sed 's/^/# /' "$tmp/out"
		failed=1
	fi
}

cmake --install "$build" --prefix "$tmp/usr" >"$tmp/out" 2>&1 || { cat "$tmp/out" && exit 1; }
header=$(find "$tmp/usr" -name manyhart.h)
library=$(find "$tmp/usr" -name libmanyhart.so)
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/usr" -name manyhart.pc)")
LD_LIBRARY_PATH=$(dirname "$library")
export PKG_CONFIG_PATH LD_LIBRARY_PATH

check "header alone, C11" "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$header"
check "header with its cousins" "$cc" -std=gnu99 -Wall -Wextra -Werror -fsyntax-only -x c "$header"

# Every function that the header declares with MH_API, every symbol of the library.
tr '\n' ' ' <"$header" | sed 's/;/;\n/g' |
	sed -n 's/.*MH_API [^(]*[ *]\(mh_[a-z0-9_]*\)(.*/\1/p' | LC_ALL=C sort -u >"$tmp/declared"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	LC_ALL=C sort -u >"$tmp/exported"
check "functions are declared" test -s "$tmp/declared"
check "declared and exported are the same" diff "$tmp/declared" "$tmp/exported"

cat >"$tmp/user.c" <<'EOC'
#include <manyhart.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const struct mh_error *e = mh_last_error();

    printf("%s %d\n", mh_state_name(MH_RUNNING), e ? e->code : 0);
    return strcmp(mh_state_name(MH_RUNNING), "Running") != 0;
}
EOC
# shellcheck disable=SC2046
check "links with the shared library" "$cc" -o "$tmp/shared" "$tmp/user.c" \
	$(pkg-config --cflags --libs manyhart)
check "runs with the shared library" "$tmp/shared"
# libmanyhart.a with the shared libraries of what it needs.
# shellcheck disable=SC2046
check "links with the static library" "$cc" -o "$tmp/static" "$tmp/user.c" \
	$(pkg-config --cflags manyhart) "${library%.so}.a" \
	$(pkg-config --libs $(pkg-config --print-requires-private manyhart)) -lfdt -lpfm -lm
check "runs with the static library" env -u LD_LIBRARY_PATH "$tmp/static"
check "the installed program" "$tmp/usr/bin/manyhart" --help
check "the installed benchmark" "$tmp/usr/bin/manyhart" bench --rounds 1 --iterations 1 \
	--engines native,interp --out "$tmp/results" fib
check "its report" test -s "$tmp/results/report.html"
exit $failed
