# Builds bert.so; see README.md for the two commands that matter (make demo, make test).
#
#   make            bert.so
#   make demo       the main job on a fresh machine, all set-up included
#   make test       every test, set-up included
#   make bench      kernels and the whole path, measured on this machine
#   make layers     includes point down (tests/layers.sh)
#   make embedded MODELS="bert-vectors=DIRECTORY bert-qa=DIRECTORY …"     the models that bert.so has inside
#
# Variants build apart: make BUILD=build/asan SANITIZE=address,undefined
# Without models inside: make NO_MODEL=1

BUILD    ?= build/release
CC       ?= cc
STRIP    ?= strip
CFLAGS   ?= -O2 -g
SANITIZE ?=
COVER    ?=
EMBEDDED ?= models/embedded.safetensors
NO_MODEL ?=

# No -march and no -ffast-math, ever: instruction sets are chosen at run time (engine/kernel/cpu.c), and contraction would
# change bits between compilers.
FLAGS = -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off -fno-math-errno \
        -fPIC -fvisibility=hidden -pthread -Iengine $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)

ENGINE := $(sort $(wildcard engine/*.c engine/*/*.c))
EXT    := $(sort $(wildcard ext/*.c))
OBJ     = $(patsubst %.c,$(BUILD)/%.o,$(ENGINE))
EXTOBJ  = $(patsubst %.c,$(BUILD)/%.o,$(EXT))

ifeq ($(shell uname -s),Darwin)
  SO := bert.dylib
  SHARED := -dynamiclib -undefined dynamic_lookup
else
  SO := bert.so
  SHARED := -shared -Wl,-z,nodelete -Wl,-z,defs -Wl,--exclude-libs,ALL
endif

# The models inside, if they are wanted and there; NO_MODEL=1 leaves them out.
INSIDE := $(if $(NO_MODEL),,$(wildcard $(EMBEDDED)))

all: $(SO)

# Without what debuggers read, which stays in $(BUILD)/; by renaming: programs that have the old one loaded keep it.
$(SO): $(BUILD)/$(SO)
	@$(STRIP) -S -o $@.new $< && mv -f $@.new $@

$(BUILD)/$(SO): $(OBJ) $(EXTOBJ)
	@$(if $(INSIDE)$(NO_MODEL),:,echo "$(SO): without models inside, as there is no $(EMBEDDED)")
	$(CC) $(FLAGS) $(CFLAGS) $(SHARED) -o $@ $^ -lm

# Which models were built in last, so that others are built in anew.
$(BUILD)/inside: FORCE
	@mkdir -p $(@D); echo '$(INSIDE)' | cmp -s - $@ || echo '$(INSIDE)' >$@
$(BUILD)/ext/embedded_data.o: $(BUILD)/inside $(INSIDE)
$(BUILD)/ext/embedded_data.o: FLAGS += $(if $(INSIDE),-DBERT_EMBEDDED='"$(INSIDE)"')

$(BUILD)/embed: $(BUILD)/models/embed.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm
-include $(BUILD)/models/embed.d

embedded: $(BUILD)/embed
	@[ -n "$(MODELS)" ] || { echo 'usage: make embedded MODELS="bert-vectors=DIRECTORY bert-sentiment=DIRECTORY …"'; exit 2; }
	$(BUILD)/embed $(EMBEDDED).new $(MODELS) || { rm -f $(EMBEDDED).new; exit 1; }
	@mv $(EMBEDDED).new $(EMBEDDED)

$(BUILD)/libbert.a: $(OBJ)
	@rm -f $@; $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d) $(EXTOBJ:.o=.d)

demo:
	@sh setup.sh demo
	@$(MAKE) -s --no-print-directory -j$$(getconf _NPROCESSORS_ONLN) $(SO)
	@sh demo/run.sh

include tests/tests.mk

clean:
	rm -rf build bert.so bert.dylib bert.dll

FORCE:

.PHONY: all clean demo test bench layers embedded FORCE
.DELETE_ON_ERROR:
