#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# coverage.sh BUILD [MINIMUM]: from the counters that a run of the tests left in
# BUILD (preset coverage), lines and branches executed per folder and per file,
# as a table here and in BUILD/coverage.{txt,json,html}.  Fails if a folder's
# lines fall below MINIMUM percent (90).  Debug checks that never fire and the
# disk's rarer errors are in the count: nothing is excluded by hand.
set -eu

build=$1
minimum=${2:-90}
top=$(cd "$(dirname "$0")/../.." && pwd)
folders="sim mem smp jit isa dev"

command -v gcovr >/dev/null || {
	echo "skipped: coverage: needs gcovr"
	exit 77
}

set -- --root "$top" --object-directory "$build" --exclude-throw-branches
for folder in $folders; do
	set -- "$@" --filter "$top/$folder/"
done
gcovr "$@" --exclude "$top/sim/guest/" --json "$build/coverage.raw.json" "$build" >/dev/null
gcovr --root "$top" --add-tracefile "$build/coverage.raw.json" --json-summary "$build/coverage.json" \
	--txt "$build/coverage.txt" --html-details "$build/coverage.html" >/dev/null

# gcovr's text has no branches beside lines: the table is made from its JSON.
python=$(command -v python3)
"$python" - "$build/coverage.json" "$minimum" $folders <<'END'
import json
import sys

summary, minimum, folders = json.load(open(sys.argv[1])), float(sys.argv[2]), sys.argv[3:]
low = []
print("%-8s %8s %8s %7s %10s" % ("folder", "lines", "executed", "%", "branches %"))
for folder in folders:
    files = [f for f in summary["files"] if f["filename"].split("/")[0] == folder]
    lines = sum(f["line_total"] for f in files)
    hit = sum(f["line_covered"] for f in files)
    branches = sum(f["branch_total"] for f in files)
    taken = sum(f["branch_covered"] for f in files)
    percent = 100.0 * hit / max(lines, 1)
    print("%-8s %8d %8d %7.1f %10.1f" % (folder, lines, hit, percent, 100.0 * taken / max(branches, 1)))
    if not lines or percent < minimum:
        low.append(folder)
worst = sorted(summary["files"], key=lambda f: f["line_covered"] - f["line_total"])[:12]
print("most lines not executed: " + ", ".join(
    "%s %d" % (f["filename"], f["line_total"] - f["line_covered"]) for f in worst))
if low:
    sys.exit("below %g %% of lines: %s" % (minimum, " ".join(low)))
END
