# The tests' part of the Makefile: what is built, and in what order it runs.

UNIT    := $(sort $(wildcard tests/unit/*.c tests/kernel/*.c))
UNITOBJ  = $(patsubst %.c,$(BUILD)/%.o,$(UNIT))
FUZZ    := $(sort $(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/tests/%.o: FLAGS += -Itests/unit
-include $(UNITOBJ:.o=.d)

$(BUILD)/unit: $(UNITOBJ) $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

unit: $(BUILD)/unit
	$(BUILD)/unit

.PHONY: unit
