# llmdeck: build, test, install. Out of tree in build/; quiet unless V=1.
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
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
LIBS     = $(shell pkg-config --libs $(PACKAGES)) -lcsv -lm -pthread

LIB_SRC  := $(filter-out src/cli/main.c,$(wildcard src/*/*.c ui/*.c panels/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

all: $(BUILD)/llmdeck

$(BUILD)/llmdeck: $(BUILD)/src/cli/main.o $(BUILD)/libllmdeck.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libllmdeck.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(STD) $(WARN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -pthread -MMD -MP -c -o $@ $<

# A test's own objects are built without -Wpedantic's zeal about cmocka's macros.
$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libllmdeck.a
	@mkdir -p $(@D)
	@echo "  TEST    $@"
	$(Q)$(CC) $(STD) $(WARN) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -Itests -MMD -MP -o $@ $< $(BUILD)/libllmdeck.a $(LIBS) -lcmocka

clean:
	rm -rf $(BUILD)

.PHONY: all clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
