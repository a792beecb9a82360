"""cores.py -- whole processes on several cores: the same bytes everywhere, threads that sleep, callers that share. See run.py.

    python3 cores.py NAME bert.so MODEL TINY        `--list` prints the names

Shares process.py's helpers. MODEL is all-MiniLM-L6-v2, whose products take several strips, panels, groups and blocks,
which the tiny models of tests/golden do not.
"""
import hashlib
import json
import os
import platform
import subprocess
import sys
import time

from process import check, connect, each, embed, together

TEXTS = ["a", "The invoice is due on Friday.", "Restart the router, then try again. " * 4,
         "the river and the mountain and " * 30, "x" * 90 + " many words, one after the other " * 60]
INTEL = platform.machine() in ("x86_64", "AMD64")


# ---- the same bytes ----------------------------------------------------------------------------------------------------

def made(so, model, compute, threads, texts):
    """Hashes of the texts' vectors; each must come out the same alone, and wherever it stands in a batch."""
    db = connect(so)
    db.execute("SELECT bert_load('default', ?, json_object('compute', ?, 'threads', ?))", (model, compute, threads)).fetchall()
    alone = [embed(db, text) for text in texts]
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, key, body)")
    for turn in range(0, len(texts), 2):
        order = list(range(turn, len(texts))) + list(range(turn))
        db.execute("DELETE FROM t")
        db.executemany("INSERT INTO t(key, body) VALUES(?, ?)", [(i, texts[i]) for i in order])
        rows = db.execute("SELECT key, embedding FROM bert_embed_each('SELECT key, body FROM t ORDER BY id')").fetchall()
        check(sorted(k for k, _ in rows) == sorted(order), f"keys {rows}")
        check(all(v == alone[k] for k, v in rows), f"{compute}, {threads} threads, turn {turn}: differs from alone")
    return [hashlib.sha256(v).hexdigest() for v in alone]


def elsewhere(so, model, compute, threads, isa=None, texts=len(TEXTS)):
    """made() in a process of its own, with that instruction set; and which sets it chose."""
    environment = {k: v for k, v in os.environ.items() if k != "BERT_ISA"} | ({"BERT_ISA": isa} if isa else {})
    done = subprocess.run([sys.executable, __file__, "--made", so, model, compute, str(threads), str(texts)],
                          env=environment, capture_output=True, text=True)
    check(done.returncode == 0, f"BERT_ISA={isa}, {compute}, {threads} threads: {done.stderr}")
    return json.loads(done.stdout)


def the_same_bytes_on_any_number_of_threads(so, model, tiny):
    for compute in ("f32", "int8"):
        wanted = elsewhere(so, model, compute, 1)["hashes"]
        for threads in (2, 3, 8):
            check(elsewhere(so, model, compute, threads)["hashes"] == wanted, f"{compute}: {threads} threads differ from 1")


def the_same_bytes_on_every_instruction_set(so, model, tiny):
    for compute in ("f32", "int8"):
        native = elsewhere(so, model, compute, 2)
        for isa in ("avx2", "avx512", "vnni", "ref") if INTEL else ("neon", "ref"):
            texts = 2 if isa == "ref" else len(TEXTS)  # 30 times as slow
            other = elsewhere(so, model, compute, 2, isa, texts)
            print(f"  {compute}, BERT_ISA={isa}: uses {', '.join(other['isa'])}; the default {', '.join(native['isa'])}")
            check(other["hashes"] == native["hashes"][:texts], f"{compute}: BERT_ISA={isa} differs from the default")


# ---- what the processor has, is used ----------------------------------------------------------------------------------

def the_best_set_of_this_processor_is_in_use(so, model, tiny):
    """By the kernel's list of features, not by our own asking of the processor."""
    if not INTEL or not os.path.exists("/proc/cpuinfo"):
        return
    with open("/proc/cpuinfo", encoding="ascii") as f:
        has = set(next(line for line in f if line.startswith("flags")).split())
    wide = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
    best = "vnni" if wide | {"avx512_vnni"} <= has else "avx512" if wide <= has else "avx2" if {"avx2", "fma"} <= has else "ref"
    kernels = "SELECT isa, reason FROM bert_kernels WHERE chosen AND operation = 'gemm8'"
    environment = {k: v for k, v in os.environ.items() if k != "BERT_ISA"}
    for isa in (None, "avx2", "ref"):
        done = subprocess.run(["sqlite3", ":memory:", f".load {os.path.splitext(os.path.abspath(so))[0]}", kernels],
                              env=environment | ({"BERT_ISA": isa} if isa else {}), capture_output=True, text=True)
        used = done.stdout.strip().split("|")
        levels = ["ref", "avx2", "avx512", "vnni"]
        wanted = best if isa is None else min(best, isa, key=levels.index)
        print(f"  BERT_ISA={isa}: {used}")
        check(used[0] == wanted, f"BERT_ISA={isa}: uses {used}, wanted {wanted}")


# ---- threads -------------------------------------------------------------------------------------------------------------

def tasks():
    return len(os.listdir("/proc/self/task"))


def as_many_threads_as_asked_for(so, model, tiny):
    """The option of a model, else BERT_THREADS, else a thread a processor; the calling one is among them."""
    def count(variable, options):
        environment = {k: v for k, v in os.environ.items() if k != "BERT_THREADS"} | variable
        done = subprocess.run([sys.executable, __file__, "--tasks", so, tiny, options], env=environment,
                              capture_output=True, text=True)
        check(done.returncode == 0, done.stderr)
        return int(done.stdout)
    cores = len(os.sched_getaffinity(0))
    for variable, options, wanted in (({}, "{}", cores), ({"BERT_THREADS": "1"}, "{}", 1), ({"BERT_THREADS": "3"}, "{}", 3),
                                      ({}, '{"threads":1}', 1), ({}, '{"threads":4}', 4), ({"BERT_THREADS": "x"}, "{}", cores)):
        found = count(variable, options)
        check(found == wanted, f"{variable} {options}: {found} threads, wanted {wanted}")


def threads_sleep_when_there_is_nothing_to_do(so, model, tiny):
    db = connect(so)
    db.execute("SELECT bert_load('default', ?, '{\"threads\":4}')", (tiny,)).fetchall()
    for text in TEXTS:
        embed(db, text)
    db.execute(each(200)).fetchall()
    check(tasks() >= 4, f"{tasks()} threads, wanted 4")
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(1)
    used = time.process_time() - before
    print(f"  {used * 1000:.1f} ms of processor time in an idle second, {tasks()} threads")
    check(used < 0.01, f"{used} s of processor time in an idle second")


def connections_share_the_cores(so, model, tiny):
    """As many rows at a time as one connection alone, none of the connections left behind, no thread too many."""
    seconds, callers = 3, 4

    def rows(_):
        db, done = connect(so, model), 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            done += db.execute(each(24, "'a sentence of some length, number ' || value")).fetchone()[0]
        return done
    alone = max(rows(0) for _ in range(2))
    most = [0]

    def watch(i):
        if i < callers:
            return rows(i)
        for _ in range(seconds * 20):
            most[0] = max(most[0], tasks())
            time.sleep(0.05)
    found = together(callers + 1, watch)[:callers]
    cores = len(os.sched_getaffinity(0))
    print(f"  one connection {alone} rows in {seconds} s; {callers} at once {found}, {sum(found)} together; "
          f"at most {most[0]} threads")
    check(min(found) > 0.5 * max(found), f"rows of each: {found}")
    check(sum(found) > 0.7 * alone, f"{sum(found)} rows together, {alone} alone")
    check(most[0] <= 1 + callers + 1 + cores - 1, f"{most[0]} threads: callers, the one that counts, and {cores - 1} of the pool")


TESTS = {f.__name__: f for f in (
    the_same_bytes_on_any_number_of_threads, the_same_bytes_on_every_instruction_set,
    the_best_set_of_this_processor_is_in_use, as_many_threads_as_asked_for, threads_sleep_when_there_is_nothing_to_do,
    connections_share_the_cores)}

if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print("\n".join(TESTS))
    elif sys.argv[1] == "--made":
        library, directory, mode, number, few = sys.argv[2:]
        print(json.dumps({"hashes": made(library, directory, mode, int(number), TEXTS[:int(few)]),
                          "isa": sorted(r[0] for r in connect(library).execute(
                              "SELECT DISTINCT isa FROM bert_kernels WHERE chosen"))}))
    elif sys.argv[1] == "--tasks":
        database = connect(sys.argv[2])
        database.execute("SELECT bert_load('default', ?, ?)", (sys.argv[3], sys.argv[4])).fetchall()
        database.execute(each(200)).fetchall()
        embed(database, TEXTS[3])
        print(tasks())
    else:
        TESTS[sys.argv[1]](*sys.argv[2:])
