#!/bin/sh
# Fuzzes each target for FUZZ_SECONDS, starting from its corpus; what it finds and adds stays under
# BUILD. Exit 1 when a target crashed. Called by `make fuzz`.
set -u
build=${BUILD:-build/fuzz}
seconds=${FUZZ_SECONDS:-60}
failed=0

for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	grown=$build/corpus/$name
	mkdir -p "$grown" "$build/crashes"
	seeds=
	for folder in "tests/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}"; do
		[ -d "$folder" ] && seeds="$seeds $folder"
	done
	echo "  FUZZ    $name, $seconds s"
	# shellcheck disable=SC2086
	if ! "$build/tests/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="$build/crashes/$name-" "$grown" $seeds >"$build/$name.log" 2>&1; then
		failed=$((failed + 1))
		tail -n 40 "$build/$name.log"
		echo "  CRASH   $name: see $build/crashes"
	else
		grep -E 'stat::number_of_executed_units|stat::average_exec_per_sec' "$build/$name.log" | sed 's/^/          /'
	fi
done
[ "$failed" -eq 0 ] && echo "fuzz: no target crashed" || { echo "fuzz: $failed crashed"; exit 1; }
