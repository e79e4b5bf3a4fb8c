#!/bin/sh
# make bench: every bench in turn. Ratios within one run carry over to other machines; absolute
# numbers are for orientation.
#   ROWS=1000000     events of the import bench
#   SCREEN_SECONDS=20 how long each size of the screen is watched
set -eu
here=$(dirname "$0")
bin=${LLMDECK_BINARY:-build/llmdeck}
build=${BUILD:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/llmdeck-bench-XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT INT TERM

"$here/bench_import.sh"

echo
echo "asking, ${ROWS:-1000000} events:"
"$build/tests/bench/gen_requests" jsonl "${ROWS:-1000000}" >"$dir/e.jsonl"
"$bin" --store "$dir/q.db" import "$dir/e.jsonl" >/dev/null 2>&1
"$build/tests/bench/bench_store" -q "$dir/q.db"

echo
"$here/bench_receive.sh"

echo
echo "the live overview, 53 requests a second:"
"$build/tests/bench/bench_screen" "${SCREEN_SECONDS:-20}" "$bin" demo
