#!/bin/sh
# A real Alertmanager receives, groups and resolves our alerts; a silence made with llmdeck silences
# there; an Alertmanager that is down for a while misses nothing. Speaks TAP.
set -u
binary=${LLMDECK_BINARY:-build/llmdeck}
case $binary in /*) ;; *) binary=$PWD/$binary ;; esac
am_port=${TEST_ALERTMANAGER_PORT:-29093}
url=http://127.0.0.1:$am_port
n=0

if ! command -v prometheus-alertmanager >/dev/null || ! command -v curl >/dev/null; then
	echo "1..1"
	echo "ok 1 # SKIP prometheus-alertmanager or curl is not installed"
	exit 0
fi
dir=$(mktemp -d /tmp/llmdeck-am-XXXXXX) || exit 1
am_pid= collector_pid=
finish() {
	[ -n "$collector_pid" ] && kill "$collector_pid" 2>/dev/null
	[ -n "$am_pid" ] && kill "$am_pid" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT INT TERM

say() { # STATUS TEXT
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; sed 's/^/# /' "$dir/collect.log" | tail -5; }
}

until_true() { # SECONDS COMMAND…
	limit=$(($(date +%s) + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		sleep 0.3
	done
}

cat >"$dir/am.yml" <<EOF
route: {receiver: none, group_by: [alertname], group_wait: 1s}
receivers: [{name: none}]
EOF
cat >"$dir/config.yaml" <<EOF
listen: none
alerts:
  - {name: slow, metric: latency_p95, by: [service], over: 1s, window: 20s, severity: critical, labels: {team_name: core}}
notify:
  - {name: am, kind: alertmanager, url: "$url"}
EOF

start_am() {
	prometheus-alertmanager --config.file="$dir/am.yml" --storage.path="$dir/am" --cluster.listen-address= \
		--web.listen-address="127.0.0.1:$am_port" >"$dir/am.log" 2>&1 &
	am_pid=$!
	until_true 15 curl -sf "$url/-/ready"
}
deck() { LLMDECK_CONFIG=$dir/config.yaml "$binary" --store "$dir/s.db" --socket "$dir/s.sock" "$@"; }
feed() { # LATENCY_MS: 20 requests of each of two services, of now
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		for s in chat search; do
			echo "{\"end_time\":$(date +%s.%N),\"service\":\"$s\",\"model\":\"m\",\"latency_ms\":$1}"
		done
	done >"$dir/rows.jsonl"
	deck import --again "$dir/rows.jsonl" >/dev/null 2>&1
}
alerts() { curl -sf "$url/api/v2/alerts?$1"; }
has() { alerts "active=true&silenced=true" | grep -q "\"alertname\":\"slow\",\"service\":\"$1\",\"severity\":\"critical\",\"team_name\":\"core\""; }
has_none() { ! alerts "active=true&silenced=true" | grep -q '"alertname":"slow"'; }
is_silenced() { alerts "active=false&silenced=true" | grep -q '"alertname":"slow","service":"chat"'; }
grouped() { curl -sf "$url/api/v2/alerts/groups" | grep -o '"labels":{"alertname":"slow"}' | grep -c . | grep -qx 1; }
keep_feeding() { # LATENCY_MS SECONDS COMMAND…
	ms=$1 limit=$(($(date +%s) + $2))
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		feed "$ms"
		sleep 2
	done
}

start_am
LLMDECK_CONFIG=$dir/config.yaml "$binary" --store "$dir/s.db" --socket "$dir/s.sock" collect >"$dir/collect.log" 2>&1 &
collector_pid=$!
until_true 10 test -S "$dir/s.sock"

# The collector has tried while Alertmanager was away.
notifier_noticed() {
	curl -s --unix-socket "$dir/s.sock" http://llmdeck/v1/alerts/notifiers | grep -q '"state":"failing"'
}

keep_feeding 5000 40 has chat && has search
say $? "Alertmanager receives both groups with our labels"
until_true 20 grouped
say $? "and groups them by the rule's name"
alerts "" | grep -q LlmdeckWatchdog
say $? "the watchdog always fires"
id=$(deck alert list --format json | grep '"service":"chat"' | sed -n 's/.*"id":\([0-9]*\).*/\1/p' | head -1)
deck alert silence "$id" --for 1h --comment "a test" && until_true 10 is_silenced
say $? "a silence made with llmdeck silences there"
kill "$am_pid"
wait "$am_pid" 2>/dev/null
rm -rf "$dir/am"
deck alert unsilence "$id"
until_true 60 notifier_noticed
say $? "a notifier that reaches nobody says so"
start_am
keep_feeding 5000 80 has search
say $? "Alertmanager was down and forgot everything: it is told again"
is_silenced
[ $? -ne 0 ]
say $? "and what was unsilenced meanwhile is not silenced"
keep_feeding 10 90 has_none
say $? "both resolve"
echo "1..$n"
