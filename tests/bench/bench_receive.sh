#!/bin/sh
# Receiving OTLP over HTTP, 512 spans a body, answered after the commit: spans per core-second of the
# collector, against Node taking the same JSON bodies over HTTP and only decoding them. The load comes
# from gen and send in LLMDECK_SHARED/bench (default ../shared/bench); without them, or without Node,
# what needs them is left out, in words.
#   SPANS=204800 CONNECTIONS=32
set -eu
bin=${LLMDECK_BINARY:-build/llmdeck}
tools=${LLMDECK_SHARED:-../shared}/bench
spans=${SPANS:-204800}
connections=${CONNECTIONS:-32}
dir=$(mktemp -d "${TMPDIR:-/tmp}/llmdeck-receive-XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT INT TERM

if [ ! -f "$tools/gen.c" ]; then
	echo "receiving: skipped: $tools/gen.c is not there"
	exit 0
fi
cc -O2 -o "$dir/gen" "$tools/gen.c" -lm
cc -O2 -pthread -o "$dir/send" "$tools/send.c"
cc -O2 -D_GNU_SOURCE -pthread -o "$dir/paced" "$(dirname "$0")/send_paced.c"
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
rate() { echo $((spans * $(getconf CLK_TCK) / ($2 - $1 > 0 ? $2 - $1 : 1))); }

echo "receiving, $spans spans, $connections connections:"
for form in otlpjs otlppb; do
	"$dir/gen" "$form" "$spans" 20 1 "$(date +%s)" >"$dir/$form"
	"$dir/gen" "$form" "$spans" 20 2 "$(($(date +%s) + 40))" >"$dir/$form-2" # the time after that
done

sync # or commits wait for these files to get to the disk

yardstick=
if command -v node >/dev/null; then
	cat >"$dir/decode.js" <<'JS'
require('http').createServer((q, r) => {
	const parts = [];
	q.on('data', d => parts.push(d));
	q.on('end', () => {
		for (const rs of JSON.parse(Buffer.concat(parts).toString('utf8')).resourceSpans)
			for (const ss of rs.scopeSpans)
				for (const span of ss.spans) {
					const attributes = {};
					for (const a of span.attributes) attributes[a.key] = a.value;
				}
		r.writeHead(200, {'Content-Length': 2});
		r.end('{}');
	});
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
JS
	node "$dir/decode.js" >"$dir/port" &
	pid=$!
	until [ -s "$dir/port" ]; do sleep 0.1; done
	before=$(ticks $pid)
	"$dir/send" "$(cat "$dir/port")" "$dir/otlpjs" "$connections" 1 application/json /v1/traces >/dev/null
	yardstick=$(rate "$before" "$(ticks $pid)")
	kill $pid
	pid=
	echo "  Node, decoding JSON only           $yardstick spans per core-second"
else
	echo "  no yardstick: node is not installed"
fi

for form in otlpjs otlppb; do
	type=application/json
	[ $form = otlpjs ] || type=application/x-protobuf
	: >"$dir/log" # the last one's words name another port
	"$bin" --store "$dir/$form.db" --socket "$dir/$form.sock" collect --listen 127.0.0.1:0 2>"$dir/log" &
	pid=$!
	until grep -q 'listening on' "$dir/log"; do sleep 0.1; done
	port=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\) .*/\1/p' "$dir/log")
	before=$(ticks $pid)
	told=$("$dir/send" "$port" "$dir/$form" "$connections" 1 $type /v1/traces)
	got=$(rate "$before" "$(ticks $pid)")
	half=$(echo "$told" | awk '{for (i = 1; i < NF; i++) if ($(i + 1) == "req/s") printf "%d", $i / 2 + 1}')
	paced=$("$dir/paced" "$port" "$dir/$form-2" "$connections" "$half" $type /v1/traces)
	peak=$(awk '/VmHWM/ {print int($2 / 1024)}' /proc/$pid/status)
	kill $pid
	wait $pid || true
	pid=
	ratio=$([ -z "$yardstick" ] || awk "BEGIN {printf \", %.2f x Node\", $got / $yardstick}")
	echo "  $type: $got spans per core-second$ratio, $peak MiB"
	echo "    ${told#client }"
	echo "    at half the rate: $paced"
done
