#!/bin/sh
# Proves the rules of the house that a compiler does not: which folder includes which, who includes
# which library, how long files are, that man pages are well formed; then cppcheck and clang-tidy
# where they are installed. Exit 1 when a rule is broken.
set -u
build=${1:-build}
faults=$(mktemp) || exit 1
trap 'rm -f "$faults"' EXIT

# Which project folders a folder may include, itself aside; a name with a * is a family of headers.
allowed() {
	case $1 in
	src/base) echo "" ;;
	src/core) echo "base" ;;
	src/parse | src/judge | src/store | src/net) echo "base core" ;;
	src/collect) echo "base core parse judge store net" ;;
	src/remote | src/alert | src/act) echo "base core parse judge store net" ;;
	src/daemon) echo "base core parse judge store net collect remote alert act" ;;
	src/console) echo "base core parse judge store/query* store/ask store/ask_text net collect remote alert act ui panels" ;;
	src/cli) echo "base core parse judge store net collect remote alert act daemon console ui panels" ;;
	ui) echo "base core" ;;
	panels) echo "base core ui store/query* judge/ab judge/clusters" ;;
	esac
}

includes() { # FILE: the project's own headers it includes
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$1"
}

check_directions() {
	for file in src/*/*.[ch] ui/*.[ch] panels/*.[ch]; do
		[ -e "$file" ] || continue
		folder=$(dirname "$file")
		own=${folder#src/}
		may=" $(allowed "$folder") $own "
		for header in $(includes "$file"); do
			from=${header%%/*}
			stem=${header%.h}
			case "$may" in
			*" $from "* | *" $stem "*) continue ;;
			*" $from/query* "*) case $stem in "$from"/query*) continue ;; esac ;;
			esac
			echo "$file: includes $header: $folder may include only:$may"
		done
	done
}

library() { # HEADER-PATTERN FOLDERS…
	pattern=$1
	shift
	for file in src/*/*.[ch] ui/*.[ch] panels/*.[ch]; do
		[ -e "$file" ] || continue
		grep -qE "^[ 	]*#[ 	]*include[ 	]*<($pattern)[>/.]" "$file" || continue
		folder=$(dirname "$file")
		case " $* " in
		*" $folder "*) ;;
		*) echo "$file: includes <$pattern>: only $* may" ;;
		esac
	done
}

{
	check_directions
	library 'curses|ncurses|ncursesw|term' ui
	library sqlite3 src/store
	library 'curl|microhttpd' src/net
	library 'cjson|cJSON|csv|yaml' src/parse
	for file in src/*/*.[ch] ui/*.[ch] panels/*.[ch] tests/*/*.[ch]; do
		[ -e "$file" ] || continue
		lines=$(wc -l <"$file")
		[ "$lines" -le 800 ] || echo "$file: $lines lines: at most 800, cut it where it knows two things"
		grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "$file" | sed "s|^|$file:|; s|\$| (finish it or leave it out)|"
		grep -nE '[ 	]+$' "$file" | sed "s|^|$file:|; s|\$|<- blanks at the end of the line|"
	done
} >"$faults"

if command -v mandoc >/dev/null 2>&1; then
	mandoc -T lint -W warning man/*.[15] >>"$faults" 2>&1
elif command -v man >/dev/null 2>&1; then
	for page in man/*.[15]; do
		LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null |
			sed "s|^|$page: |" >>"$faults"
	done
else
	echo "lint: no mandoc and no man: the man pages were not checked"
fi

if command -v cppcheck >/dev/null 2>&1; then
	cppcheck --quiet --template="{file}:{line}: {message} [{id}]" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=uninitvar --suppress=legacyUninitvar --suppress=shiftTooManyBitsSigned --error-exitcode=0 -j2 -I src -I . \
		-DLLMDECK_VERSION='"0"' -DLLMDECK_DATADIR='"/"' src ui panels 2>>"$faults"
else
	echo "lint: cppcheck is not installed: skipped"
fi
if command -v clang-tidy >/dev/null 2>&1; then
	make --no-print-directory compdb BUILD="$build" >/dev/null
	printf '%s\0' src/*/*.c ui/*.c panels/*.c | xargs -0 -P2 -n8 clang-tidy -p "$build" --quiet \
		--checks='-*,clang-analyzer-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,-bugprone-reserved-identifier,-bugprone-assignment-in-if-condition,-bugprone-multi-level-implicit-pointer-conversion,-bugprone-implicit-widening-of-multiplication-result,-bugprone-branch-clone,-bugprone-signed-char-misuse,-clang-analyzer-valist.Uninitialized,-clang-analyzer-optin.performance.Padding,-clang-analyzer-security.insecureAPI.*' \
		2>/dev/null | grep -E 'warning:|error:' | sort -u >>"$faults"
else
	echo "lint: clang-tidy is not installed: skipped"
fi

if [ -s "$faults" ]; then
	cat "$faults"
	echo "lint: $(wc -l <"$faults") findings"
	exit 1
fi
echo "lint: nothing found"
