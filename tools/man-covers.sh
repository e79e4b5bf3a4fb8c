#!/bin/sh
# Every command and option that the program's own help lists must stand in llmdeck(1):
# tools/man-covers.sh BINARY. Prints what is missing.
set -u
binary=$1
page=$(sed 's/\\-/-/g; s/\\&//g' man/llmdeck.1)

has() { # WORD WHERE
	printf '%s\n' "$page" | grep -qF -- "$1" || echo "man/llmdeck.1: $2: $1 is missing"
}

commands=$("$binary" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for command in $commands; do
	printf '%s\n' "$page" | grep -qE "^\.(SS|Ss) $command\$" || echo "man/llmdeck.1: no section for $command"
	for option in $("$binary" "$command" --help | sed -n '/^Options:/,/^$/s/^  \(-[-a-z0-9]*\).*/\1/p'); do
		[ "$option" = --help ] || has "$option" "$command"
	done
done
for option in $("$binary" --help | sed -n '/^Global options:/,/^$/s/^  \(-[-a-z0-9]*\).*/\1/p'); do
	has "$option" "global options"
done
