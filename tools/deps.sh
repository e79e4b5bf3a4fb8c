#!/bin/sh
# Makes sure that what the build needs is there: tools/deps.sh run|check
#
# On Debian and its children missing packages are installed through apt (with sudo when not root).
# Elsewhere it names what is missing.
set -u
what=${1:-run}

# command or pkg-config name or header -> Debian package
commands="cc:gcc make:make pkg-config:pkg-config"
modules="ncursesw:libncurses-dev libcurl:libcurl4-openssl-dev libcjson:libcjson-dev sqlite3:libsqlite3-dev
	libmicrohttpd:libmicrohttpd-dev zlib:zlib1g-dev yaml-0.1:libyaml-dev libxxhash:libxxhash-dev"
headers="csv.h:libcsv-dev stdio.h:libc6-dev"
files="/usr/share/zoneinfo/Europe/Berlin:tzdata"
if [ "$what" = check ]; then
	modules="$modules cmocka:libcmocka-dev vterm:libvterm-dev"
fi

missing=
packages=
lack() { # what it is, Debian package
	missing="$missing $1"
	packages="$packages $2"
}

look() {
	missing=
	packages=
	for pair in $commands; do
		command -v "${pair%%:*}" >/dev/null 2>&1 || lack "${pair%%:*}" "${pair##*:}"
	done
	for pair in $modules; do
		pkg-config --exists "${pair%%:*}" 2>/dev/null || lack "${pair%%:*}" "${pair##*:}"
	done
	for pair in $headers; do
		echo "#include <${pair%%:*}>" | cc -E - >/dev/null 2>&1 || lack "${pair%%:*}" "${pair##*:}"
	done
	for pair in $files; do
		[ -e "${pair%%:*}" ] || lack "${pair%%:*}" "${pair##*:}"
	done
}

look
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "llmdeck: missing:$missing" >&2
	echo "llmdeck: install these with your system's package manager (Debian's names:$packages)" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "llmdeck: missing packages; as root run: apt-get install$packages" >&2
		exit 1
	fi
	sudo=sudo
fi
echo "Installing$packages"
install() {
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
}
log=$(mktemp) || exit 1
if ! install >"$log" 2>&1; then
	# A fresh machine has no package lists yet.
	if ! { $sudo apt-get update -q && install; } >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		echo "llmdeck: apt-get could not install$packages" >&2
		exit 1
	fi
fi
rm -f "$log"
look
if [ -n "$missing" ]; then
	echo "llmdeck: still missing after the installation:$missing" >&2
	exit 1
fi
