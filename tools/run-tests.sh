#!/bin/sh
# Runs test programs (cmocka, or anything that speaks TAP), two at a time, each under a time limit;
# prints the output of those that failed and, as the last line, what was counted.
#
#   tools/run-tests.sh LOG-FOLDER PROGRAM…
#
# TEST_TIMEOUT: seconds a program may take (default 300). TEST_JOBS: programs at a time (default 2).
set -u
logs=$1
shift
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.result

export TEST_TIMEOUT="${TEST_TIMEOUT:-300}" LOGS="$logs" CMOCKA_MESSAGE_OUTPUT=TAP

# One program: its log, and a line "passed failed skipped".
one='
	name=$(echo "$1" | tr "/ " "__")
	timeout -k 10 "$TEST_TIMEOUT" "$1" >"$LOGS/$name.log" 2>&1 </dev/null
	code=$?
	awk -v code="$code" -v limit="$TEST_TIMEOUT" "
		/^1\\.\\.[0-9]+/          { sub(/^1\\.\\./, \"\"); planned += \$1; next }
		/^not ok [0-9]* ?# SKIP/ { skipped++; next }
		/^ok [0-9]+.*# SKIP/     { skipped++; next }
		/^ok [0-9]+/             { passed++; next }
		/^not ok [0-9]+/         { failed++; next }
		END {
			lost = planned - passed - failed - skipped
			if (lost > 0) failed += lost
			if (code != 0 && failed == 0) failed = 1
			if (code == 0 && planned == 0) failed = 1
			print passed + 0, failed + 0, skipped + 0, code
		}" "$LOGS/$name.log" >"$LOGS/$name.result"
	read -r passed failed skipped code <"$LOGS/$name.result"
	note=""
	[ "$code" -ge 124 ] && [ "$code" -le 137 ] && note=" (killed: code $code, limit $TEST_TIMEOUT s)"
	[ "$code" -gt 137 ] && note=" (crashed: code $code)"
	[ "$failed" -gt 0 ] && word=FAIL || word=ok
	skips=""
	[ "$skipped" -gt 0 ] && skips=", $skipped skipped"
	echo "  $word  $1: $passed passed$skips$note"
'
printf '%s\n' "$@" | xargs -P "${TEST_JOBS:-2}" -I '{}' sh -c "$one" one '{}'

for result in "$logs"/*.result; do
	[ -e "$result" ] || continue
	read -r passed failed skipped code <"$result"
	[ "$failed" -gt 0 ] || continue
	log=${result%.result}.log
	echo
	echo "--- $(basename "$log" .log): $failed failed, exit code $code"
	grep -v '^ok ' "$log" | tail -n 60
done

cat "$logs"/*.result 2>/dev/null | awk '
	{ passed += $1; failed += $2; skipped += $3 }
	END {
		line = (passed + 0) " passed, " (failed + 0) " failed"
		if (skipped) line = line ", " skipped " skipped"
		print ""
		print line
		exit failed > 0
	}'
