#!/bin/sh
# Import of JSONL and CSV with pricing, rollups and durable commit, against sqlite3's .import of the
# same CSV into a table with one index, and lnav's count where it is installed; all in one run.
#   ROWS=1000000  events
#   LLMDECK_BINARY, BUILD  from the Makefile
set -eu
rows=${ROWS:-1000000}
bin=${LLMDECK_BINARY:-build/llmdeck}
build=${BUILD:-build}
here=$(dirname "$0")
dir=$(mktemp -d "${TMPDIR:-/tmp}/llmdeck-bench-XXXXXX")
trap 'rm -rf "$dir"' EXIT INT TERM

gen=$build/tests/bench/gen_requests
mkdir -p "$build/tests/bench"
${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -o "$gen" "$here/gen_requests.c" -lm
"$gen" jsonl "$rows" >"$dir/e.jsonl"
"$gen" csv "$rows" >"$dir/e.csv"

# Seconds a command takes, the best of two.
best() {
	b=
	for _ in 1 2; do
		rm -rf "$dir/out"
		mkdir "$dir/out"
		t0=$(date +%s%N)
		"$@" >/dev/null 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
		t1=$(date +%s%N)
		t=$((t1 - t0))
		if [ -z "$b" ] || [ "$t" -lt "$b" ]; then b=$t; fi
	done
	echo "$b"
}
sqlite_import() {
	sqlite3 "$dir/out/s.db" 'PRAGMA journal_mode=WAL;' 'PRAGMA synchronous=NORMAL;' \
		'CREATE TABLE e(time,service,deployment,model,input_tokens,output_tokens,cached_tokens,latency_ms,ttft_ms,status,error_type,safety,user,trace_id);' \
		'CREATE INDEX e_time ON e(time);' ".import --csv --skip 1 $dir/e.csv e"
}
lnav_count() {
	mkdir -p "$dir/lnav/.config/lnav/formats/llm"
	cat >"$dir/lnav/.config/lnav/formats/llm/f.json" <<-'END'
	{"llm_log":{"title":"llm","json":true,"line-format":[{"field":"__timestamp__"}," ",{"field":"model"}],
	"timestamp-field":"time","body-field":"service","value":{"model":{"kind":"string"},"service":{"kind":"string"}}}}
	END
	HOME=$dir/lnav XDG_CONFIG_HOME=$dir/lnav/.config lnav -n -c ';select count(*) from llm_log' "$dir/e.jsonl"
}
# Prints one line: name, rate, ratio to the yardstick.
say() {
	awk -v n="$1" -v t="$2" -v y="$3" -v r="$rows" 'BEGIN {
		printf "  %-28s %7.0f k events/s  %5.2f x sqlite3 .import\n", n, r / t * 1e6, y / t }'
}

echo "import, $rows events of 14 fields (whole process, best of two):"
yard=$(best sqlite_import)
say "sqlite3 .import (CSV, index)" "$yard" "$yard"
if command -v lnav >/dev/null; then
	say "lnav count (JSONL)" "$(best lnav_count)" "$yard"
fi
for form in jsonl csv; do
	t=$(best "$bin" --store "$dir/out/l.db" import "$dir/e.$form")
	say "llmdeck import ($form)" "$t" "$yard"
	bytes=$(wc -c <"$dir/out/l.db")
	rss=$( { command -v /usr/bin/time >/dev/null && rm -rf "$dir/out"/* &&
		/usr/bin/time -f %M "$bin" --store "$dir/out/l.db" import "$dir/e.$form" 2>&1 >/dev/null | tail -1; } || echo '-')
	echo "    $((bytes / rows)) bytes an event on disk, peak memory $rss kB"
done
