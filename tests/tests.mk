# The tests' part of the Makefile: what is built, and in what order it runs.
#
# Each part is a target whose last line is "N passed, N failed"; run.sh runs them in the order of PARTS and sums.

PARTS = unit fuzz-replay layers sql sql-3.38 embedded-sql index-kill index-io golden saves heads heads-sql training tokenizer fault fault-sql bad-models clients pictures examples demo-test
# Those that read bytes or fail allocations, built with SANITIZE.
SANITIZED_PARTS = unit fuzz-replay fault fault-sql bad-models sql embedded-sql golden heads heads-sql training

# Python with the packages of requirements.txt, made by setup.sh; its sqlite3 module is the system's.
PYTHON = build/venv/bin/python
MODEL  = build/models/all-MiniLM-L6-v2

# A sanitized bert.so needs its run-time library in the host, which has leaks of its own.
ifneq ($(SANITIZE),)
  HOST = env LD_PRELOAD="$(shell $(CC) -print-file-name=libasan.so) $(shell $(CC) -print-file-name=libubsan.so)" \
         ASAN_OPTIONS=detect_leaks=0
endif

# bert.so with other models inside, or with none; all else of it is the same object files. Most tests take the one with none,
# so that they do not depend on models; embedded takes one with the tiny models of the tests, and the real one if it is there.
PLAIN = $(BUILD)/plain/$(SO)
TINY  = $(BUILD)/tiny/$(SO)
$(BUILD)/plain/embedded_data.o: ext/embedded_data.c ext/ext.h engine/bert.h
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/tiny/embedded_data.o: ext/embedded_data.c ext/ext.h engine/bert.h $(BUILD)/tiny/embedded.safetensors
	$(CC) $(FLAGS) $(CFLAGS) -DBERT_EMBEDDED='"$(BUILD)/tiny/embedded.safetensors"' -c -o $@ $<
$(PLAIN) $(TINY): $(BUILD)/%/$(SO): $(BUILD)/%/embedded_data.o $(OBJ) $(filter-out %/embedded_data.o,$(EXTOBJ))
	$(CC) $(FLAGS) $(CFLAGS) $(SHARED) -o $@ $^ -lm

# bert-nli as a difference to bert-sentiment.
TINY_HEADS = sentiment=classify nli=nli,bert-sentiment qa=qa ner=ner mlm=pretraining
$(BUILD)/tiny/embedded.safetensors: $(BUILD)/embed tests/tests.mk
	@rm -rf $(@D)/vectors; mkdir -p $(@D)/vectors
	@cp -r tests/golden/models/sbert-mean/. $(@D)/vectors
	@echo '{"licence": "MIT", "data": "none: the weights are drawn"}' >$(@D)/vectors/card.json
	@$(BUILD)/embed $@ bert-vectors=$(@D)/vectors \
	  $(foreach h,$(TINY_HEADS),bert-$(word 1,$(subst =, ,$h))=tests/golden/heads/bert-$(word 2,$(subst =, ,$h))) >$(@D)/embedded.txt

embedded-sql: $(TINY) $(BUILD)/$(SO)
	$(HOST) $(PYTHON) tests/embedded/run.py $(TINY) $(if $(INSIDE),$(BUILD)/$(SO))

UNIT    := $(sort $(wildcard tests/unit/*.c tests/kernel/*.c tests/grad/*.c))
UNITOBJ  = $(patsubst %.c,$(BUILD)/%.o,$(UNIT))
FUZZ    := $(sort $(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/tests/%.o: FLAGS += -Itests/unit -Itests/grad
-include $(UNITOBJ:.o=.d)

$(BUILD)/unit: $(UNITOBJ) $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

unit: $(BUILD)/unit
	$(BUILD)/unit

# Each fuzz target with the driver that replays its corpus; make fuzz builds them with clang's libFuzzer instead.
FUZZBIN  = $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ))
-include $(patsubst %.c,$(BUILD)/%.d,$(FUZZ) tests/fuzz/replay.c)

$(FUZZBIN): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

fuzz-replay: $(FUZZBIN)
	sh tests/fuzz/replay.sh $(FUZZBIN)

# make fuzz FUZZ_SECONDS=240: what is found new lies in build/fuzz/corpus until somebody adds it to tests/fuzz/corpus.
FUZZ_SECONDS = 60
FUZZ_CC      = clang-14
FUZZ_FLAGS   = -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz:
	for target in $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ)); do \
	  mkdir -p build/fuzz/corpus/$$target && \
	  $(FUZZ_CC) $(FLAGS) -g -O1 $(FUZZ_FLAGS) -o build/fuzz/$$target tests/fuzz/fuzz_$$target.c $(ENGINE) -lm && \
	  build/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -artifact_prefix=build/fuzz/ \
	    build/fuzz/corpus/$$target tests/fuzz/corpus/$$target || exit 1; \
	done

layers: $(BUILD)/$(SO)
	sh tests/layers.sh $(BUILD)/$(SO)

sql: $(PLAIN)
	$(HOST) $(PYTHON) tests/sql/run.py $(PLAIN)

# The same in the oldest SQLite served, which setup.sh builds.
sql-3.38: $(PLAIN)
	LD_LIBRARY_PATH=build/sqlite-3.38 $(PYTHON) tests/sql/run.py $(PLAIN)

# ROUNDS of kill -9 while an index is written; 200 by hand.
ROUNDS = 20
index-kill: $(PLAIN)
	$(HOST) $(PYTHON) tests/sql/index_kill.py $(PLAIN) $(ROUNDS)

# Every DISK_STEP-th read and write fails in turn; every one by hand, with 1.
DISK_STEP = 23
index-io: $(PLAIN)
	$(HOST) $(PYTHON) tests/sql/index_io.py $(PLAIN) $(DISK_STEP)

golden: $(PLAIN)
	$(HOST) $(PYTHON) tests/golden/check.py $(PLAIN)

saves: $(PLAIN)
	$(HOST) $(PYTHON) tests/golden/check_save.py $(PLAIN)

# The engine for Python's ctypes: what the heads answer, without SQL between.
-include $(BUILD)/tests/golden/heads_api.d
$(BUILD)/heads_api.so: $(BUILD)/tests/golden/heads_api.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -shared -o $@ $^ -lm

heads: $(BUILD)/heads_api.so
	$(HOST) $(PYTHON) tests/golden/heads.py $(BUILD)/heads_api.so

heads-sql: $(PLAIN)
	$(HOST) $(PYTHON) tests/golden/check_heads.py $(PLAIN)

training: $(PLAIN)
	$(HOST) $(PYTHON) tests/golden/training.py $(PLAIN)

-include $(BUILD)/tests/golden/tokenize_driver.d
$(BUILD)/tokenize_driver: $(BUILD)/tests/golden/tokenize_driver.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

tokenizer: $(BUILD)/tokenize_driver
	$(PYTHON) tests/golden/tokenizer_parity.py $(BUILD)/tokenize_driver

$(BUILD)/fault_engine: $(BUILD)/tests/fault/fault_engine.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

fault: $(BUILD)/fault_engine
	$(BUILD)/fault_engine tests/golden/models

# ext/ as a program links it statically, with the system's SQLite.
CORE = $(patsubst %.c,$(BUILD)/core/%.o,$(EXT))
$(BUILD)/core/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -DSQLITE_CORE $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(CORE:.o=.d)

$(BUILD)/fault_sql: $(BUILD)/tests/fault/fault_sql.o $(BUILD)/tiny/embedded_data.o $(filter-out %/embedded_data.o,$(CORE)) $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lsqlite3 -lm

fault-sql: $(BUILD)/fault_sql
	$(BUILD)/fault_sql tests/golden/models

bad-models: $(PLAIN)
	$(HOST) $(PYTHON) tests/fault/bad_models.py $(PLAIN)

pictures: $(PLAIN)
	$(HOST) $(PYTHON) tests/draw/pictures.py $(PLAIN)

examples: $(PLAIN)
	$(PYTHON) tests/sql/examples.py $(PLAIN)

clients: $(PLAIN)
	$(PYTHON) tests/clients/run.py $(PLAIN) $(MODEL)

demo-test: $(SO)
	sh tests/demo.sh

RUN = MAKE="$(MAKE) CC=$(CC) BUILD=$(BUILD) SANITIZE=$(SANITIZE)" sh tests/run.sh

test:
	@sh setup.sh test
	@$(RUN) $(PARTS)

# make sanitize = the parts that read bytes or fail allocations, in a build of their own.
sanitize: BUILD = build/asan
sanitize: SANITIZE = address,undefined
sanitize:
	@sh setup.sh sanitize
	@$(RUN) $(SANITIZED_PARTS)

# make neon = the same bits on AArch64: built by the cross compiler, run under emulation.
CROSS = aarch64-linux-gnu-gcc -static -no-pie
neon:
	sh setup.sh neon
	$(MAKE) -s BUILD=$(BUILD) $(BUILD)/fingerprint
	$(MAKE) -s BUILD=build/neon CC="$(CROSS)" build/neon/fingerprint build/neon/unit
	sh tests/golden/neon.sh $(BUILD)/fingerprint build/neon/fingerprint qemu-aarch64-static build/neon/unit

$(BUILD)/fingerprint: $(BUILD)/tests/golden/fingerprint.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm

# Without the finite differences, which are arithmetic alone and half of the time; make sanitize has them.
valgrind: $(BUILD)/unit
	timeout 1800 valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite \
	  --errors-for-leak-kinds=definite $(BUILD)/unit -grad

.PHONY: embedded-sql unit fuzz-replay fuzz layers sql sql-3.38 index-kill index-io golden saves heads heads-sql tokenizer fault fault-sql bad-models clients pictures examples demo-test sanitize neon valgrind

# ---- make bench: kernels, the tokenizer and the whole path, on this machine -------------------------------------------------
BENCHES = $(BUILD)/bench $(BUILD)/bench_tokenizer $(BUILD)/bench_embed $(BUILD)/bench_search
$(BUILD)/tests/bench/%.o: FLAGS += -Itests/bench
-include $(patsubst $(BUILD)/%,$(BUILD)/tests/bench/%.d,$(BENCHES)) $(BUILD)/tests/bench/limits.d

$(BENCHES): $(BUILD)/%: $(BUILD)/tests/bench/%.o $(BUILD)/tests/bench/limits.o $(BUILD)/libbert.a
	$(CC) $(FLAGS) $(CFLAGS) -o $@ $^ -lm -ldl

bench:
	@sh setup.sh bench
	@$(MAKE) -s --no-print-directory $(BENCHES)
	$(BUILD)/bench
	$(BUILD)/bench_tokenizer $(MODEL)/tokenizer.json demo/corpus.csv
	$(BUILD)/bench_embed $(MODEL) demo/corpus.csv
	$(BUILD)/bench_search
