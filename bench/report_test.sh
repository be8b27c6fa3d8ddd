#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# report_test.sh PROGRAM: the report of a short run, opened by headless Chromium: every chart drew
# all its marks with their values, nothing is cut, nothing comes from elsewhere, no error on the
# console; on a dark phone and a light desk.  Skipped (77) without Chromium.
set -u
bench=$1
here=$(cd "$(dirname "$0")" && pwd)
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "needs chromium"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
failed=0

fail() {
	echo "not ok - $*"
	failed=1
}

"$bench" --rounds 3 --iterations 2 --seed 5 --harts 1,2 --out "$tmp/a" fib crc32 memory amo >"$tmp/said" 2>&1 </dev/null || {
	cat "$tmp/said"
	fail "a short run"
}

# page SOURCE SCRIPT: with the script at its end.
page() {
	sed '/<\/body>/,$d' "$1"
	printf '<script>\n'
	cat "$2"
	printf '</script></body></html>\n'
}

# open FILE WIDTH SCHEME: what the page says of itself into $tmp/checked.  Scheme 0 is dark, 1 light.
open_page() {
	timeout 300 "$chromium" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$tmp/profile" --no-first-run --disable-background-networking \
		--window-size="$2,900" --blink-settings=preferredColorScheme="$3" \
		--enable-logging=stderr --dump-dom "file://$1#$2" >"$tmp/dom" 2>"$tmp/console" </dev/null ||
		fail "chromium: $(tail -3 "$tmp/console")"
	sed -n '/<pre id="checked">/,/<\/pre>/p' "$tmp/dom" | sed 's/<[^>]*>//g' >"$tmp/checked"
}

page "$tmp/a/report.html" "$here/report_test.js" >"$tmp/page.html"
figures=$(grep -c '<figure class="chart"' "$tmp/a/report.html")
[ "$figures" -ge 9 ] || fail "$figures charts in the report of three groups on two engines"
for view in "390 0" "1200 1"; do
	width=${view% *} scheme=${view#* } what="$view"
	open_page "$tmp/page.html" "$width" "$scheme"
	grep -qx end "$tmp/checked" || fail "$what: the page was not looked at: $(cat "$tmp/checked" "$tmp/console")"
	grep -qx "figures $figures" "$tmp/checked" || fail "$what: $figures charts were written: $(head -1 "$tmp/checked")"
	! grep '^wrong' "$tmp/checked" || fail "$what: not as it should be"
	! grep 'CONSOLE' "$tmp/console" || fail "$what: said on the console"
	grep '^background' "$tmp/checked" >"$tmp/background.$scheme"
	[ $failed -ne 0 ] || echo "ok - $what: $(tr '\n' ' ' <"$tmp/checked")"
done
! cmp -s "$tmp/background.0" "$tmp/background.1" || fail "light and dark have the same background"

# The check itself: a chart that lacks a mark, and an error on the console, are found.
sed '0,/<g class="mark">/s/<g class="mark">/<g class="lost">/' "$tmp/page.html" >"$tmp/broken.html"
printf '<script>nothing.at_all();</script>\n' >>"$tmp/broken.html"
open_page "$tmp/broken.html" 1200 1
grep -q '^wrong: .* marks of ' "$tmp/checked" || fail "a lost mark is not found"
grep -q 'CONSOLE.*nothing is not defined' "$tmp/console" || fail "an error on the console is not found"
exit $failed
