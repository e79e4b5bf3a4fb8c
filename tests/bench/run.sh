#!/bin/sh
# make bench: every bench in turn. Ratios within one run carry over to other machines; absolute
# numbers are for orientation.
#   ROWS=1000000     events of the import bench
#   LONG_ROWS=10000000 events of the second store that is asked: the same rate, ten times longer (minutes to
#                    fill and 5 GB of TMPDIR); 0 leaves it out
#   SEEDS=100         planted causes for each kind of attribute and badness
#   STARTS=20        starts that are timed
#   KEYS=200         keys that are timed on that store
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
"$build/tests/bench/bench_judge" "${LLMDECK_SHARED:-../shared}/data/sentiment"

echo
# Keys of the console on the store that was just asked, alone and while the same events come in once more.
keys() {
	echo "keys of the console on it:"
	"$build/tests/bench/bench_keys" "${KEYS:-200}" "$bin" --store "$dir/q.db"
	echo "the same while an import runs:"
	"$bin" --store "$dir/q.db" import --again "$dir/e.jsonl" >/dev/null 2>&1 &
	pid=$!
	"$build/tests/bench/bench_keys" "${KEYS:-200}" "$bin" --store "$dir/q.db"
	kill -INT "$pid" 2>/dev/null || true # it has ended when the console's collector took its rows
	wait "$pid" || true
	pid=
}
# Fills a store with so many events and asks it; "keys": keys, too.
ask() {
	echo "asking, $1 events (processor time):"
	"$build/tests/bench/gen_requests" jsonl "$1" >"$dir/e.jsonl"
	"$bin" --store "$dir/q.db" import "$dir/e.jsonl" >/dev/null 2>&1
	"$build/tests/bench/bench_store" -q "$dir/q.db"
	echo "2,000 alert rules (wanted: under 100 ms, the same on ten times the history):"
	"$build/tests/bench/bench_alerts" "$dir/q.db"
	echo "the incident page's data:"
	"$build/tests/bench/bench_incident" "$dir/q.db"
	if [ "${2:-}" = keys ]; then
		echo "how soon the console shows something, ${STARTS:-20} starts (wanted: under 50 ms):"
		"$build/tests/bench/bench_start" "${STARTS:-20}" - "$bin" --store "$dir/q.db"
		keys
	fi
	rm -f "$dir"/q.db* "$dir"/q-text.db* "$dir/e.jsonl"
}
ask "${ROWS:-1000000}"
if [ "${LONG_ROWS:-10000000}" -gt 0 ]; then
	echo
	ask "${LONG_ROWS:-10000000}" keys
fi

echo
echo "suspects of planted causes, ${SEEDS:-100} cases a row:"
"$build/tests/bench/bench_suspects" "${SEEDS:-100}"

echo
"$here/bench_receive.sh"

echo
echo "starts of the demo:"
"$build/tests/bench/bench_start" "${STARTS:-20}" - "$bin" demo
echo
echo "the live overview, 53 requests a second:"
"$build/tests/bench/bench_screen" "${SCREEN_SECONDS:-20}" "$bin" demo

echo
"$build/tests/bench/bench_triage"
