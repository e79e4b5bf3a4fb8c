#!/bin/sh
# Import of JSONL and CSV with pricing, rollups and durable commit, against sqlite3's .import of the
# same CSV into a table with one index and, where they are found, lnav's count and DuckDB (its command or
# python3's module) making a table in a file; all in turn, in one run.
#   ROWS=1000000  events
#   ROUNDS=3      times each is run; the best counts
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

# Runs a command and keeps its nanoseconds as NAME's if they are the least so far.
time_of() {
	name=$1
	shift
	rm -rf "$dir/out"
	mkdir "$dir/out"
	t0=$(date +%s%N)
	"$@" >/dev/null 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
	t=$(($(date +%s%N) - t0))
	if [ ! -f "$dir/best.$name" ] || [ "$t" -lt "$(cat "$dir/best.$name")" ]; then echo "$t" >"$dir/best.$name"; fi
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
duckdb_sql() {
	read=read_csv
	[ "$1" = csv ] || read="read_json"
	echo "CREATE TABLE e AS SELECT * FROM $read('$dir/e.$1'$([ "$1" = csv ] || echo ", format='newline_delimited'")); CHECKPOINT;"
}
duckdb_command() { duckdb "$dir/out/d.db" "$(duckdb_sql "$1")"; }
duckdb_module() {
	python3 -c 'import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])' "$dir/out/d.db" "$(duckdb_sql "$1")"
}
duckdb=
if command -v duckdb >/dev/null; then duckdb=duckdb_command
elif python3 -c 'import duckdb' 2>/dev/null; then duckdb=duckdb_module
fi

for _ in $(seq "${ROUNDS:-3}"); do
	time_of sqlite sqlite_import
	if command -v lnav >/dev/null; then time_of lnav lnav_count; fi
	for form in jsonl csv; do
		if [ "$duckdb" ]; then time_of "duckdb-$form" "$duckdb" "$form"; fi
		time_of "llmdeck-$form" "$bin" --store "$dir/out/l.db" import "$dir/e.$form"
	done
done

# Prints one line: name, rate, ratio to the yardstick, and to DuckDB on the same form where that ran.
say() {
	[ -f "$dir/best.$2" ] || { echo "  $1: not found, left out"; return; }
	awk -v n="$1" -v t="$(cat "$dir/best.$2")" -v y="$(cat "$dir/best.sqlite")" -v r="$rows" \
		-v d="$([ -f "$dir/best.${3:-none}" ] && cat "$dir/best.$3" || echo 0)" 'BEGIN {
		printf "  %-28s %7.0f k events/s  %5.2f x sqlite3 .import", n, r / t * 1e6, y / t
		if (d) printf "  %5.2f x DuckDB", d / t
		print "" }'
}

echo "import, $rows events of 14 fields (whole process, best of ${ROUNDS:-3}, in turn):"
say "sqlite3 .import (CSV, index)" sqlite
say "lnav count (JSONL)" lnav
for form in jsonl csv; do
	say "DuckDB ($form)" "duckdb-$form"
	say "llmdeck import ($form)" "llmdeck-$form" "duckdb-$form"
	rm -rf "$dir/out"
	mkdir "$dir/out"
	rss=-
	if command -v /usr/bin/time >/dev/null; then
		rss=$(/usr/bin/time -f %M "$bin" --store "$dir/out/l.db" import "$dir/e.$form" 2>&1 >/dev/null | tail -1)
	else
		"$bin" --store "$dir/out/l.db" import "$dir/e.$form" >/dev/null 2>&1
	fi
	echo "    $(($(wc -c <"$dir/out/l.db") / rows)) bytes an event on disk, peak memory $rss kB"
done
