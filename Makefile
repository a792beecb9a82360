# Builds bert.so; see README.md for the two commands that matter (make demo, make test).
#
#   make            bert.so
#   make demo       the main job on a fresh machine, all set-up included
#   make test       every test, set-up included
#   make bench      kernels and the whole path, measured on this machine
#   make layers     includes point down (tests/layers.sh)
#
# Variants build apart: make BUILD=build/asan SANITIZE=address,undefined

BUILD    ?= build/release
CC       ?= cc
CFLAGS   ?= -O2 -g
SANITIZE ?=
COVER    ?=

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

all: $(SO)

$(SO): $(BUILD)/$(SO)
	@cp $< $@.new && mv -f $@.new $@ # by renaming: programs that have the old one loaded keep it

$(BUILD)/$(SO): $(OBJ) $(EXTOBJ)
	$(CC) $(FLAGS) $(CFLAGS) $(SHARED) -o $@ $^ -lm

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

.PHONY: all clean demo test bench layers
.DELETE_ON_ERROR:
