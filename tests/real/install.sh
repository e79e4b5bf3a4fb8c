#!/bin/sh
# Puts the real clients into a cache folder: tests/real/install.sh FOLDER
#
# Each client has a part of its own, made once; the versions are pinned here. Where a part cannot be had
# its check is skipped: this script always succeeds and leaves the reason in PART.why.
set -u
mkdir -p "$1"
cd "$1" || exit 0

# part NAME VERSIONS COMMAND…: runs the command when the part does not stand with these versions already.
part() {
	name=$1
	versions=$2
	shift 2
	[ "$(cat "$name.done" 2>/dev/null)" = "$versions" ] && return
	rm -rf "$name" "$name.done"
	echo "Installing $name: $versions"
	# shellcheck disable=SC2086
	if timeout 600 "$@" "$name" $versions >"$name.log" 2>&1; then
		echo "$versions" >"$name.done"
		rm -f "$name.why"
	else
		{ grep -im1 'error\|not found\|no module\|unable' "$name.log" || echo "it took too long"; } >"$name.why"
		echo "  SKIPPED: could not install $name: $(cat "$name.why")"
	fi
}

from_npm() { # as a command of its own, for timeout
	echo 'name=$1; shift; exec npm install --prefix "$name" --no-save --no-package-lock --no-audit --no-fund \
		--ignore-scripts --loglevel=error "$@"'
}
from_pypi() {
	echo 'name=$1; shift; python3 -m venv "$name" && exec "$name/bin/pip" install -q "$@"'
}
from_debian() { # unpacked, not installed: no service starts
	echo 'name=$1; shift; mkdir -p "$name" && cd "$name" && apt-get download "$@" && for f in *.deb; do dpkg -x "$f" . || exit 1; done'
}

npm() { part "$1" "$2" sh -c "$(from_npm)" npm; }
pypi() { part "$1" "$2" sh -c "$(from_pypi)" pypi; }
debian() {
	command -v "$2" >/dev/null 2>&1 || part "$1" "$2" sh -c "$(from_debian)" debian
}

debian deb-prometheus prometheus
debian deb-victoria-metrics victoria-metrics
sdk="@opentelemetry/sdk-trace-node@2.12.0 @opentelemetry/resources@2.12.0 @opentelemetry/api@1.9.1 openai@6.49.0"
npm npm-otel "@opentelemetry/instrumentation-openai@0.21.0 @opentelemetry/sdk-node@0.223.0 \
@opentelemetry/api@1.9.1 openai@6.49.0"
npm npm-openinference "@arizeai/openinference-instrumentation-openai@4.2.7 \
@opentelemetry/exporter-trace-otlp-proto@0.223.1 $sdk"
npm npm-langfuse "@langfuse/otel@5.11.1 @langfuse/openai@5.11.1 @opentelemetry/exporter-trace-otlp-http@0.223.1 $sdk"
npm npm-prism "@stoplight/prism-cli@5.14.2"
exporter="opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2"
pypi pypi-otel "opentelemetry-instrumentation-openai-v2==2.4b0 opentelemetry-util-genai==0.4b0 $exporter openai==2.54.0"
pypi pypi-openllmetry "opentelemetry-instrumentation-openai==0.62.4 $exporter openai==2.54.0"
pypi pypi-litellm "litellm[proxy]==1.106.2 $exporter prometheus_client==0.26.0"
exit 0
