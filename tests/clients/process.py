"""process.py NAME BERT.SO MODEL TINY -- what a whole process must do: stop, share, stay small, fork. One test each.

MODEL is the directory of all-MiniLM-L6-v2 and TINY that of a model of 12 dimensions. Exit status 0 is a pass; a failure
says why on standard error; figures go to standard output. `--list` prints the names.
"""
import os
import re
import signal
import statistics
import sqlite3
import subprocess
import sys
import threading
import time

MIB = 1 << 20
TEXTS = [f"{word} {i} in a sentence of some length, and of no importance" for i in range(10)
         for word in ("river", "mountain", "city", "engine")]
LONG_TEXT = """'a text that keeps the encoder busy for a while, number ' || value || ', ' ||
               replace(hex(zeroblob(50)), '00', 'and so on ')"""


def each(rows, text=LONG_TEXT, columns="count(embedding)"):
    """A query of bert_embed_each over rows that no table holds."""
    inner = f"""WITH RECURSIVE generate(value) AS (
                  SELECT 1 UNION ALL SELECT value + 1 FROM generate WHERE value < {rows})
                SELECT value, {text} FROM generate""".replace("'", "''")
    return f"SELECT {columns} FROM bert_embed_each('{inner}')"


def together(n, work):
    """What work(i) returned for each i below n, in threads of their own at once; None where one failed."""
    found = [None] * n

    def run(i):
        found[i] = work(i)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def check(claim, text):
    if not claim:
        sys.exit(text)


def connect(so, model=None, file=":memory:"):
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    if model:
        db.execute("SELECT bert_load('default', ?)", (model,)).fetchall()
    return db


def embed(db, text):
    return db.execute("SELECT bert_embed(?)", (text,)).fetchone()[0]


def status(field):
    """Kilobytes of a field of /proc/self/status, as bytes."""
    with open("/proc/self/status", encoding="ascii") as f:
        return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M)[1]) * 1024


def weights_size(model):
    return os.path.getsize(os.path.join(model, "model.safetensors"))


# ---- stopping --------------------------------------------------------------------------------------------------------

def stopping_times(interrupt, run, error, times=7):
    """Seconds from interrupt() to the end of run(), which it must end with `error`."""
    taken = []
    for _ in range(times):
        stopped = []

        def stop():
            time.sleep(0.3)
            stopped.append(time.perf_counter())
            interrupt()
        thread = threading.Thread(target=stop)
        thread.start()
        try:
            run()
            sys.exit("the query ended by itself")
        except error as e:
            taken.append(time.perf_counter() - stopped[0])
            check("interrupt" in str(e).lower(), f"the error is '{e}', wanted an interrupt")
        thread.join()
    return taken


def judge_stopping(taken):
    median = statistics.median(taken)
    print(f"  interrupted after {median * 1000:.0f} ms (median), {max(taken) * 1000:.0f} ms (longest)")
    check(median <= 0.1, f"median of {taken}, wanted at most 0.1 s")


def interrupt_stops_bert_embed_each_in_python(so, model, tiny):
    db = connect(so, model)
    judge_stopping(stopping_times(db.interrupt, lambda: db.execute(each(100000)).fetchall(), sqlite3.OperationalError))
    check(len(embed(db, "x")) > 0, "nothing works afterwards")


def interrupt_stops_bert_embed_each_in_apsw(so, model, tiny):
    import apsw
    db = apsw.Connection(":memory:")
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    db.execute("SELECT bert_load('default', ?)", (model,)).fetchall()
    judge_stopping(stopping_times(db.interrupt, lambda: db.execute(each(100000)).fetchall(), apsw.InterruptError))


# ---- memory ----------------------------------------------------------------------------------------------------------

def bert_embed_each_takes_constant_memory(so, model, tiny):
    db = connect(so, tiny)

    def peak(rows):
        found = db.execute(each(rows, "'text ' || value", "count(embedding), sum(key)")).fetchone()
        check(found == (rows, rows * (rows + 1) // 2), f"found {found} of {rows} rows")
        return status("VmHWM")
    few, many = peak(2000), peak(50000)
    print(f"  peak {few / MIB:.1f} MiB after 2,000 rows, {many / MIB:.1f} MiB after 50,000")
    check(many - few <= 8 * MIB, f"{(many - few) / MIB:.1f} MiB more for 48,000 rows more, wanted at most 8")


def a_fresh_process_needs_the_model_and_60_mb(so, model, tiny):
    def peak(sql):
        lines = [f".load {os.path.splitext(os.path.abspath(so))[0]}", f"SELECT bert_load('default', '{model}');", sql,
                 ".shell grep VmHWM /proc/$PPID/status"]
        done = subprocess.run([os.environ.get("SQLITE3", "sqlite3"), "-batch", ":memory:"], input="\n".join(lines),
                              capture_output=True, text=True, check=True)
        return int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1]) * 1024
    one = peak("SELECT length(bert_embed('hello world'));")
    many = peak(each(400) + ";")
    size = weights_size(model)
    print(f"  peak above the model file: {(one - size) / MIB:.1f} MiB for one text, {(many - size) / MIB:.1f} for many")
    check(one <= size + 60 * 1000 * 1000, f"one text: {one} bytes at the peak, the model file is {size}")
    check(many <= size + 60 * 1000 * 1000, f"many texts: {many} bytes at the peak, the model file is {size}")


def connections_share_the_weights(so, model, tiny):
    first = connect(so, model)
    vector = embed(first, "shared")
    before = status("RssAnon")
    others = [connect(so, model) for _ in range(3)] + together(3, lambda i: connect(so, model))
    check(all(embed(db, "shared") == vector for db in others), "another connection, another vector")
    more = status("RssAnon") - before
    print(f"  six more connections took {more / MIB:.1f} MiB; the model file has {weights_size(model) / MIB:.1f}")
    check(more < weights_size(model) / 2, f"six more connections took {more} bytes")


def unloading_gives_the_memory_back(so, model, tiny):
    db = connect(so, model)
    embed(db, "x")
    loaded = status("RssAnon")
    db.execute("SELECT bert_unload('default')").fetchall()
    back = loaded - status("RssAnon")
    print(f"  unloading gave back {back / MIB:.1f} MiB")
    check(back > weights_size(model) * 0.8, f"unloading gave back {back} bytes of {weights_size(model)}")


# ---- threads and processes -------------------------------------------------------------------------------------------

def eight_threads_embed_at_once_with_the_same_bits(so, model, tiny):
    def work(_):
        db = connect(so, model)
        return [embed(db, text) for text in TEXTS]
    wanted = work(0)
    check(all(found == wanted for found in together(8, work)), "a thread's vectors differ from those of one alone")


def eight_threads_embed_many_rows_at_once(so, model, tiny):
    """Each asks for all processors, and several calls at a time share the pool."""
    def work(_):
        return connect(so, model).execute(each(60, columns="key, embedding") + " ORDER BY key").fetchall()
    wanted = work(0)
    check(len(wanted) == 60, f"found {len(wanted)} rows, wanted 60")
    check(all(found == wanted for found in together(8, work)), "a thread's rows differ from those of one alone")


def a_forked_child_embeds(so, model, tiny):
    """The parent's pool has run: its threads are not in the child."""
    db = connect(so, model)
    db.execute(each(64)).fetchall()
    wanted = [embed(db, text) for text in TEXTS[:8]]
    for _ in range(3):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            fresh = connect(so, model)
            same = ([embed(fresh, text) for text in TEXTS[:8]] == wanted and
                    [embed(db, text) for text in TEXTS[:8]] == wanted and
                    db.execute(each(64)).fetchone()[0] == 64)
            os._exit(0 if same else 1)
        _, how = os.waitpid(child, 0)
        check(how == 0, f"the child ended with status {how}")
    check([embed(db, text) for text in TEXTS[:8]] == wanted, "the parent's vectors changed")


def a_child_reads_what_its_parent_was_reading(so, model, tiny):
    """Forked while another thread reads a model: in the child nobody goes on reading it."""
    reader, other = connect(so), connect(so)
    thread = threading.Thread(target=reader.execute, args=("SELECT bert_load('m', ?)", (model,)))
    thread.start()
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        other.execute("SELECT bert_load('default', ?)", (model,)).fetchall()
        os._exit(len(embed(other, "hello")) == 0)
    ended = os.waitpid(child, 0)[1]
    thread.join()
    check(ended == 0, f"the child ended with {ended}")


def closing_every_connection_leaves_the_library(so, model, tiny):
    """Code that threads of the pool may still run must not go away with the last connection."""
    db = connect(so, tiny)
    embed(db, "x")
    db.close()
    with open("/proc/self/maps", encoding="utf-8") as f:
        check(os.path.basename(so) in f.read(), "the library was unloaded")
    check(len(embed(connect(so, tiny), "x")) == 48, "nothing works afterwards")


TESTS = {f.__name__: f for f in (
    interrupt_stops_bert_embed_each_in_python, interrupt_stops_bert_embed_each_in_apsw,
    bert_embed_each_takes_constant_memory, a_fresh_process_needs_the_model_and_60_mb, connections_share_the_weights,
    unloading_gives_the_memory_back, eight_threads_embed_at_once_with_the_same_bits,
    eight_threads_embed_many_rows_at_once, a_forked_child_embeds, a_child_reads_what_its_parent_was_reading,
    closing_every_connection_leaves_the_library)}

if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print("\n".join(TESTS))
    else:
        TESTS[sys.argv[1]](*sys.argv[2:])
