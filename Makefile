# llmdeck: build, test, install. Out of tree in build/; quiet unless V=1. `make help` lists targets.
VERSION  := 0.1.0
PREFIX   ?= /usr/local
CC       ?= cc
BUILD    ?= build
Q        := $(if $(V),,@)

PACKAGES := ncursesw libcurl libcjson sqlite3 libmicrohttpd zlib yaml-0.1 libxxhash
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
CFLAGS   ?= -O2 -g
STD      := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
CPPFLAGS += -Isrc -I. -DLLMDECK_VERSION='"$(VERSION)"' -DLLMDECK_DATADIR='"$(PREFIX)/share/llmdeck"'
# Asked once; empty while packages are missing (tools/deps.sh says which).
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
LIBS     = $(PKG_LIBS) -lcsv -lm -pthread
COMPILE  = $(CC) $(STD) $(WARN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -pthread

LIB_SRC  := $(filter-out src/cli/main.c,$(wildcard src/*/*.c ui/*.c panels/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
UNIT     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
GOLDEN   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/golden/test_*.c))
SCREEN   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/screen/test_*.c))
FUZZ     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY   := $(FUZZ:%=%-replay)
REAL     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/real/test_*.c)) $(wildcard tests/real/test_*.sh tests/real/test_*.py)
TESTS    := $(UNIT) $(GOLDEN) $(SCREEN) $(REPLAY)
RECURSE  := $(MAKE) --no-print-directory
# What builds by itself uses every processor, unless -j says otherwise.
JOBS      = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

all: $(BUILD)/llmdeck

help:
	@echo "make              build build/llmdeck"
	@echo "make run          install what is missing, build, open the demo"
	@echo "make check        install what is missing, build, run every test"
	@echo "make check-real   the tests against real clients (fetched from npm and PyPI) and servers (HAProxy, Prometheus …)"
	@echo "make asan tsan    the tests under AddressSanitizer with UBSan, under ThreadSanitizer"
	@echo "make fuzz         fuzz each parser for FUZZ_SECONDS (60)"
	@echo "make lint         include directions, file lengths, man pages, cppcheck, clang-tidy"
	@echo "make coverage bench compdb dist install uninstall clean"

$(BUILD)/llmdeck: $(BUILD)/src/cli/main.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libllmdeck.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# A change of flags (PREFIX, CC, CFLAGS) rebuilds.
FLAGS_NOW := $(subst ','\'',$(COMPILE))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/real/%: $(BUILD)/tests/real/%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# Those that drive the console on a terminal of their own.
REAL_SCREENS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/real/test_rollout_*.c tests/real/test_alert_*.c tests/real/show_*.c))
$(REAL_SCREENS): %: %.o $(BUILD)/tests/screen/screen.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lvterm -lcmocka

$(BUILD)/tests/golden/%: $(BUILD)/tests/golden/%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/screen/%: $(BUILD)/tests/screen/%.o $(BUILD)/tests/screen/screen.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lvterm -lcmocka

$(BUILD)/tests/fuzz/%-replay: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/%.o: CPPFLAGS += -Itests
.SECONDARY:

run:
	@tools/deps.sh run
	@$(RECURSE) $(JOBS) all
	@$(BUILD)/llmdeck demo

# The tests find the binary in LLMDECK_BINARY.
tests: $(BUILD)/llmdeck $(TESTS)
	@LLMDECK_BINARY=$(BUILD)/llmdeck tools/run-tests.sh $(BUILD)/test-logs $(TESTS)

check:
	@tools/deps.sh check
	@$(RECURSE) $(JOBS) tests

real-tests: $(BUILD)/llmdeck $(REAL) $(BUILD)/tests/real/show_trace
	@tests/real/install.sh $(BUILD)/real-clients
	@LLMDECK_BINARY=$(BUILD)/llmdeck LLMDECK_CLIENTS=$(BUILD)/real-clients TEST_TIMEOUT=900 \
		tools/run-tests.sh $(BUILD)/real-logs $(REAL)

check-real:
	@tools/deps.sh check
	@$(RECURSE) $(JOBS) real-tests

asan:
	@tools/deps.sh check
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	$(RECURSE) $(JOBS) tests BUILD=$(BUILD)/asan CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"

tsan:
	@tools/deps.sh check
	@TSAN_OPTIONS=halt_on_error=0:exitcode=66 \
	$(RECURSE) $(JOBS) tests BUILD=$(BUILD)/tsan CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=thread"

FUZZ_SECONDS ?= 60
fuzz:
	@command -v clang >/dev/null || { echo "llmdeck: make fuzz needs clang (apt-get install clang)" >&2; exit 1; }
	@$(RECURSE) $(JOBS) fuzz-targets BUILD=$(BUILD)/fuzz CC=clang \
		CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link"
	@BUILD=$(BUILD)/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh

fuzz-targets: $(FUZZ)

lint:
	@tools/lint.sh $(BUILD)

coverage:
	@tools/deps.sh check
	@$(RECURSE) $(JOBS) tests BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage" || true
	@command -v gcovr >/dev/null || { echo "llmdeck: make coverage needs gcovr (apt-get install gcovr)" >&2; exit 1; }
	@gcovr -r . --object-directory $(BUILD)/coverage -f 'src/' -f 'ui/' -f 'panels/' -s \
		--html-details $(BUILD)/coverage/index.html | tail -n 40
	@echo "$(BUILD)/coverage/index.html"

BENCH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/tests/bench/bench_start: $(BUILD)/tests/bench/bench_start.o $(BUILD)/tests/screen/screen.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lvterm
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

bench: $(BUILD)/llmdeck $(BENCH)
	@LLMDECK_BINARY=$(BUILD)/llmdeck BUILD=$(BUILD) tests/bench/run.sh

# Trains data/sentiment.model anew from TRAINING_DATA (see tools/train_sentiment.c) and prints how well it judges.
train: $(BUILD)/tools/train_sentiment
	$(BUILD)/tools/train_sentiment $(TRAINING_DATA) tools/words.tsv data/sentiment.model

$(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

compdb:
	@mkdir -p $(BUILD)
	@words=$$(echo '$(FLAGS_NOW)' | sed 's/"/\\"/g'); comma=''; \
	{ echo '['; for f in $(LIB_SRC) src/cli/main.c; do \
		printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}\n' "$$comma" "$(CURDIR)" "$$f" "$$words" "$$f"; \
		comma=','; \
	done; echo ']'; } >$(BUILD)/compile_commands.json
	@echo "$(BUILD)/compile_commands.json"

dist:
	@mkdir -p $(BUILD)
	@git rev-parse --git-dir >/dev/null 2>&1 || \
		{ echo "llmdeck: make dist packs what is committed: run it in a clone made with git" >&2; exit 1; }
	@git archive --prefix=llmdeck-$(VERSION)/ -o $(BUILD)/llmdeck-$(VERSION).tar.gz HEAD
	@echo "$(BUILD)/llmdeck-$(VERSION).tar.gz"

INSTALLED := bin/llmdeck share/man/man1/llmdeck.1 share/man/man5/llmdeck.5 share/man/man5/llmdeck-store.5 \
	share/bash-completion/completions/llmdeck share/zsh/site-functions/_llmdeck \
	share/fish/vendor_completions.d/llmdeck.fish lib/systemd/system/llmdeck.service
TO = $(DESTDIR)$(PREFIX)

install: $(BUILD)/llmdeck
	install -d $(TO)/bin $(TO)/share/man/man1 $(TO)/share/man/man5 $(TO)/share/llmdeck/themes \
		$(TO)/share/bash-completion/completions $(TO)/share/zsh/site-functions \
		$(TO)/share/fish/vendor_completions.d $(TO)/lib/systemd/system
	install -m 755 $(BUILD)/llmdeck $(TO)/bin/llmdeck
	install -m 644 man/llmdeck.1 $(TO)/share/man/man1/
	install -m 644 man/llmdeck.5 man/llmdeck-store.5 $(TO)/share/man/man5/
	install -m 644 themes/*.theme $(TO)/share/llmdeck/themes/
	install -m 644 data/prices.json data/sentiment.model $(TO)/share/llmdeck/
	$(BUILD)/llmdeck completion bash >$(TO)/share/bash-completion/completions/llmdeck
	$(BUILD)/llmdeck completion zsh >$(TO)/share/zsh/site-functions/_llmdeck
	$(BUILD)/llmdeck completion fish >$(TO)/share/fish/vendor_completions.d/llmdeck.fish
	sed 's|@PREFIX@|$(PREFIX)|g' systemd/llmdeck.service >$(TO)/lib/systemd/system/llmdeck.service

uninstall:
	rm -f $(INSTALLED:%=$(TO)/%)
	rm -rf $(TO)/share/llmdeck

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all help run tests check real-tests check-real asan tsan fuzz fuzz-targets lint coverage bench train compdb dist install \
	uninstall clean FORCE
-include $(LIB_OBJ:.o=.d) $(BUILD)/src/cli/main.d $(patsubst %.c,$(BUILD)/%.d,$(wildcard tests/*/*.c tools/*.c))
