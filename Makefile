# Sallyport. `make help` lists the targets; `make` builds build/release/.
# A profile is a build directory: make PROFILE=asan, debug, tsan, cov.

PROFILE ?= release
CC ?= cc
B := build/$(PROFILE)
PREFIX ?= /usr/local
DESTDIR ?=

SERVICES := $(notdir $(patsubst %/main.c,%,$(wildcard services/*/main.c)))
UNIT := $(patsubst %.c,%,$(wildcard tests/unit/*/test_*.c))
ATTACK := $(patsubst %.c,%,$(wildcard tests/attack/*/test_*.c))
FUZZ := $(patsubst %.c,%,$(wildcard tests/fuzz/*/fuzz_*.c))

MSGPACK := $(shell pkg-config --exists msgpack-c && echo msgpack-c || \
	echo msgpack)
PKGS := libczmq libzmq libmicrohttpd gnutls libssl libcrypto $(MSGPACK) libjwt \
	jansson libpcre2-8 libcurl libcyaml yaml-0.1 sqlite3 libsodium libseccomp \
	hiredis
CPPFLAGS += -D_GNU_SOURCE -I. $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS := -Wl,--as-needed $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

# Compilers differ: each flag is tried once.
probe = $(shell printf 'int main(void){return 0;}' | \
	$(CC) -Werror $(1) -x c - -o /dev/null 2>/dev/null && echo '$(1)')
ifeq ($(filter help clean deps stop format,$(MAKECMDGOALS)),)
FLAGS_FILE := build/flags-$(notdir $(CC)).mk
-include $(FLAGS_FILE)
endif
WANTED := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual -Wpointer-arith -Wvla -Wundef \
	-Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-fstack-protector-strong -fstack-clash-protection \
	-ftrivial-auto-var-init=zero -fcf-protection -fPIE
$(FLAGS_FILE):
	@mkdir -p $(@D)
	@echo 'PROBED := $(foreach f,$(WANTED),$(call probe,$(f)))' >$@

CFLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=undefined
CFLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS_cov := -O0 -g --coverage
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined
CFLAGS += -std=c11 $(PROBED) $(CFLAGS_$(PROFILE)) $(WERROR) -MMD -MP \
	-ffile-prefix-map=$(CURDIR)=.
ifneq ($(CI),)
WERROR := -Werror
endif
LDFLAGS += -pie -Wl,-z,relro,-z,now $(filter -fsanitize=%,$(CFLAGS_$(PROFILE)))\
	$(filter --coverage,$(CFLAGS_$(PROFILE)))

objects = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(1)))
COMMON_OBJ := $(call objects,common/*/*.c proto/*.c)
CLI_OBJ := $(call objects,clients/sallyport/*.c)
service_obj = $(filter-out $(B)/obj/services/$(1)/main.o,\
	$(call objects,services/$(1)/*.c services/$(1)/*/*.c))
PROGRAMS := $(addprefix $(B)/,$(SERVICES)) \
	$(if $(CLI_OBJ),$(B)/sallyport)

all: $(PROGRAMS)  ## build everything (default)

$(B)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/lib/libcommon.a: $(COMMON_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

define service_rules
$(B)/lib/lib$(1).a: $$(call service_obj,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
$(B)/$(1): $(B)/obj/services/$(1)/main.o $(B)/lib/lib$(1).a \
		$(B)/lib/libcommon.a
	$$(CC) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
endef
$(foreach s,$(SERVICES),$(eval $(call service_rules,$(s))))

CLI_LIB := $(B)/lib/libsallyport.a
$(CLI_LIB): $(filter-out %/main.o,$(CLI_OBJ))
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/sallyport: $(B)/obj/clients/sallyport/main.o $(CLI_LIB) \
		$(B)/lib/libcommon.a
	$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# A test links with what it tests and no other service: the folder below
# tests/unit, tests/attack and tests/fuzz says which. What several tests share
# comes first, since it may stand in for a function of theirs: tests/support
# has SERVICE_*.c for those of one service, the others are for all.
TESTED := $(SERVICES) sallyport
service_support = $(call objects,tests/support/$(1)_*.c)
$(B)/lib/libsupport.a: $(filter-out \
		$(foreach s,$(TESTED),$(call service_support,$(s))),\
		$(call objects,tests/support/*.c))
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^
define test_rules
$(B)/lib/libsupport_$(1).a: $(call service_support,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
$(B)/tests/unit/$(1)/%: $(B)/obj/tests/unit/$(1)/%.o \
		$(B)/lib/libsupport_$(1).a $(B)/lib/libsupport.a \
		$(2:%=$(B)/lib/lib%.a) $(B)/lib/libcommon.a
	$$(LINK_TEST)
$(B)/tests/attack/$(1)/%: $(B)/obj/tests/attack/$(1)/%.o \
		$(B)/lib/libsupport_$(1).a $(B)/lib/libsupport.a \
		$(2:%=$(B)/lib/lib%.a) $(B)/lib/libcommon.a
	$$(LINK_TEST)
build/fuzz/tests/fuzz/$(1)/%: build/fuzz/obj/tests/fuzz/$(1)/%.o \
		$(2:%=build/fuzz/lib/lib%.a) build/fuzz/lib/libcommon.a
	@mkdir -p $$(@D)
	$$(CC) -fsanitize=fuzzer,address,undefined $$^ $$(LIBS) -o $$@
endef
# The tests' own sources need no optimizer beside the sanitizer. Without it,
# gcc warns of what a function only gets to write to.
build/asan/obj/tests/%.o: CFLAGS += -O0 -Wno-maybe-uninitialized
define LINK_TEST
@mkdir -p $(@D)
$(CC) $(LDFLAGS) $^ $(LIBS) -lcriterion -o $@
endef
$(foreach s,$(TESTED),$(eval $(call test_rules,$(s),$(s))))
$(foreach s,common proto,$(eval $(call test_rules,$(s),)))
.SECONDARY:

unit-programs: $(addprefix $(B)/,$(UNIT) $(ATTACK))

fuzz-programs: $(addprefix build/fuzz/,$(FUZZ))

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

deps:  ## install missing Debian packages (root), or print the line to type
	@deploy/packages

run: deps  ## build, make keys on first use, start the gate, serve until Ctrl-C
	@$(MAKE) --no-print-directory all
	@exec $(B)/sallyport run

stop:  ## stop the gate that `make run` started
	@$(B)/sallyport stop

token:  ## print an access token: SCOPE="a b", CLIENT=bench, COMPOSE=1
	@$(B)/sallyport token $(if $(CLIENT),--client "$(CLIENT)") \
		$(if $(SCOPE),--scope "$(SCOPE)") $(if $(COMPOSE),--compose)

check: deps  ## all tests that need no Docker and no network: 'N passed, N failed'
	@tests/run check

test-unit test-attack test-system test-fault: deps  ## one part of the tests
	@tests/run $(@:test-%=%)

interop: deps  ## official SDKs and suites against a gate of its own
	@tests/run interop

fuzz: deps  ## every fuzz target for FUZZ_SECONDS (default 20) each
	@tests/run fuzz

bench: deps  ## ratios against an nginx TLS proxy: BENCH_FLAGS=--json
	@tests/bench/bench $(BENCH_FLAGS)

lint: deps  ## style rules, clang-tidy, cppcheck
	@tests/lint

format:  ## clang-format every source file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: all  ## install below DESTDIR and PREFIX, with systemd units
	@deploy/install "$(B)" "$(DESTDIR)" "$(PREFIX)"

clean:  ## remove build/
	rm -rf build

help:  ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | \
		awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: all deps run stop token check interop fuzz bench lint format install \
	clean help unit-programs fuzz-programs \
	test-unit test-attack test-system test-fault
.DEFAULT_GOAL := all
