"""long.py NAME BERT.SO MODEL TINY -- long commands, of an index and of training: seen, interrupted, killed, gone on with. See
run.py.

Shares process.py's helpers. `--list` prints the names.
"""
import fcntl
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from process import check, connect

# ---- a bar on a terminal -----------------------------------------------------------------------------------------------

BAR = re.compile(r"^notes rebuild \[(#*)(-*)\] +(\d+) %  (?:\d+:\d\d left, )?(\d+) rows, (\d+) rows/s *$")
ROWS = 3000


def fill(db, rows):
    db.execute("CREATE VIRTUAL TABLE notes USING bert_index(body)")
    db.execute("""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                  INSERT INTO notes(body) SELECT 'the text of row ' || i FROM n""", (rows,))


REBUILD = "INSERT INTO notes(notes) VALUES ('rebuild')"
IN_STEPS = "SELECT bert_index_rebuild('notes')"


def work(so, model, setting, sql):
    """What the child does."""
    db = connect(so, model)
    fill(db, ROWS)
    if setting != "unsaid":
        db.execute("INSERT INTO notes(notes, rank) VALUES ('progress', ?)", (setting,))
    db.execute(sql).fetchall()
    db.close()


def run(so, model, setting, sql):
    """The same, of a statement that needs no index."""
    connect(so, model).execute(sql).fetchall()


def seen(so, model, setting, environment=None, columns=100, sql=REBUILD, mode="--work"):
    """What comes out at the terminal."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k != "BERT_PROGRESS"}
    child = subprocess.Popen([sys.executable, __file__, mode, so, model, setting, sql], stderr=end,
                             env=clean | (environment or {}))
    os.close(end)
    found = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux: nobody has the other end open
            break
        if not part:
            break
        found += part
    os.close(terminal)
    check(child.wait() == 0, f"the child failed: {found.decode()}")
    return found.decode()


def a_bar_fills_on_a_terminal(so, model, tiny):
    for sql in (REBUILD, IN_STEPS):
        found = seen(so, tiny, "1", sql=sql)
        check(found.endswith("\r\n") and found.count("\n") == 1, f"not one line: {found!r}")
        lines = [part for part in found[:-2].split("\r") if part]
        bars = [BAR.match(line) for line in lines]
        check(all(bars), f"not a bar: {lines}")
        check(all(len(b[1]) + len(b[2]) == 30 for b in bars), f"of another width: {lines}")
        rows = [int(b[4]) for b in bars]
        check(rows == sorted(rows) and rows[-1] == ROWS and bars[-1][3] == "100", f"does not fill: {lines}")


def a_narrow_terminal_cuts_the_bar(so, model, tiny):
    found = seen(so, tiny, "1", columns=20)
    check({len(part) for part in found[:-2].split("\r") if part} == {19}, f"{found!r}")


def without_the_wish_there_is_no_bar(so, model, tiny):
    for setting, environment in (("unsaid", {}), ("0", {"BERT_PROGRESS": "1"}), ("1", {"BERT_PROGRESS": "0"})):
        found = seen(so, tiny, setting, environment)
        check(found == "", f"{setting}, {environment}: {found!r}")


def the_environment_can_wish_for_bars(so, model, tiny):
    check("100 %" in seen(so, tiny, "unsaid", {"BERT_PROGRESS": "1"}), "no bar")


TEXTS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT ''text '' || i, i % 2 FROM n"
LEFT = r"(?:\d+:\d\d left, )?"
LONG = {
    f"SELECT * FROM bert_finetune('classify', '{TEXTS}', '{{\"model\":\"x\",\"epochs\":2,\"progress\":PROGRESS}}')":
        rf"finetune classify \[(#*)-*\] +\d+ %  {LEFT}(\d+)/26, loss \d\.\d{{4}}, \d+ tokens/s *",
    f"SELECT * FROM bert_evaluate('embed', 'SELECT ''text'', ''text'', 1 FROM ({TEXTS})', '{{\"progress\":PROGRESS}}')":
        rf"bert_evaluate \[(#*)-*\] +\d+ %  {LEFT}(\d+)/400 *",
    f"SELECT * FROM bert_train_vocab('SELECT ''text '' || value FROM json_each(''[1,2,3,4]'')', '{{\"vocab_size\":20,\"progress\":PROGRESS}}')":
        r"bert_train_vocab \[(#*)-*\] +(?:\d+|\?) %  (\d+) (?:texts|pieces) *",
}


def training_and_judging_fill_bars(so, model, tiny):
    for sql, pattern in LONG.items():
        found = seen(so, tiny, "", columns=120, sql=sql.replace("PROGRESS", "true"), mode="--run")
        lines = [part for part in found[:-2].split("\r") if part]
        check(found.endswith("\r\n") and found.count("\n") == 1 and lines, f"not one line: {found!r}")
        check(all(re.fullmatch(pattern, line) for line in lines), f"not a bar: {lines}")
        last = re.fullmatch(pattern, lines[-1])
        check(len(last[1]) == 30 or "vocab" in sql, f"does not fill: {lines}")
        check(seen(so, tiny, "", sql=sql.replace("PROGRESS", "null"), mode="--run") == "", "a bar that nobody wished for")
        check(seen(so, tiny, "", {"BERT_PROGRESS": "1"}, sql=sql.replace("PROGRESS", "false"), mode="--run") == "", "a bar in spite of false")
        check(seen(so, tiny, "", {"BERT_PROGRESS": "1"}, sql=sql.replace("PROGRESS", "null"), mode="--run") != "", "no bar")


def without_a_terminal_there_is_no_bar(so, model, tiny):
    done = subprocess.run([sys.executable, __file__, "--work", so, tiny, "1", REBUILD], capture_output=True)
    check(done.returncode == 0 and not done.stderr, f"{done.stderr}")


# ---- interrupted, undone, killed -----------------------------------------------------------------------------------------

CHECK = "INSERT INTO notes(notes) VALUES ('integrity-check')"


def stopped(so, model, db, sql):
    """The error of a command that is interrupted once it has done some rows."""
    ended = threading.Event()

    def interrupt():
        watcher = connect(so, model)
        while not ended.is_set() and not watcher.execute("SELECT 1 FROM bert_index_progress WHERE done > 0").fetchone():
            time.sleep(0.001)
        db.interrupt()
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        db.execute(sql).fetchall()
    except sqlite3.OperationalError as e:
        return str(e)
    finally:
        ended.set()
        thread.join()
    sys.exit(f"{sql} ended before it was interrupted")


def an_interrupted_rebuild_changes_nothing_and_goes_on(so, model, tiny):
    db = connect(so, tiny)
    fill(db, 40000)
    said = stopped(so, tiny, db, REBUILD)
    check(re.search(r"interrupted; \d+ vectors are kept", said), said)
    check(db.execute("SELECT count(*) FROM notes WHERE body MATCH 'x'").fetchone() == (40000,), "rows are missing")
    db.execute(CHECK)
    db.execute(REBUILD)
    db.execute(CHECK)


def what_is_undone_is_not_embedded_again(so, model, tiny):
    db = connect(so, model)
    fill(db, 300)

    def seconds():
        start = time.process_time()
        db.execute(REBUILD)
        return time.process_time() - start
    db.execute("BEGIN")
    first = seconds()
    db.execute("ROLLBACK")
    second, third = seconds(), seconds()
    check(second < first / 3, f"{second} s after a rollback, {first} s before")
    check(third > first / 2, f"{third} s after a commit, {first} s at first: 'rebuild' is to make every vector anew")
    db.execute(CHECK)


def steps_are_committed_one_by_one(so, model, tiny):
    """kill -9 in the middle: what is done stays done, and searches find it."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "notes.db")
        db = connect(so, tiny, file)
        fill(db, 30000)
        child = subprocess.Popen([sys.executable, __file__, "--steps", so, tiny, file])
        done = 30000
        while done == 30000 or done < 4000:
            check(child.poll() is None, "the child ended by itself")
            done = db.execute("SELECT count(slot) FROM notes_rows").fetchone()[0]
        child.send_signal(signal.SIGKILL)
        child.wait()
        done = db.execute("SELECT count(slot) FROM notes_rows").fetchone()[0]
        check(done % 2048 == 0 and 4000 < done < 30000, f"{done} rows")
        check(len(db.execute("SELECT rowid FROM notes WHERE body MATCH 'x' AND k = 5").fetchall()) == 5, "none is found")
        made = db.execute(IN_STEPS).fetchone()[0]
        check(made == 30000 - done, f"{done} rows were done, then {made} were made")
        db.execute(CHECK)
        db.close()


def others_write_between_the_steps(so, model, tiny):
    for mode in ("wal", "delete"):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "notes.db")
            db = connect(so, tiny, file)
            db.execute(f"PRAGMA journal_mode = {mode}")
            fill(db, 9000)
            other, made, written = connect(so, tiny, file), [], 0
            thread = threading.Thread(target=lambda: made.append(db.execute(IN_STEPS).fetchone()[0]))
            thread.start()
            while thread.is_alive():
                other.execute("UPDATE notes SET body = body || '!' WHERE rowid = ?", (1 + written * 701 % 9000,))
                other.execute("DELETE FROM notes WHERE rowid = ?", (2 + written * 701 % 9000,))
                written += 1
                time.sleep(0.02)
            thread.join()
            check(made and written > 2, f"{mode}: made {made}, {written} writes meanwhile")
            db.execute(CHECK)
            db.close()
            other.close()


def steps(so, model, file):
    connect(so, model, file).execute(IN_STEPS).fetchall()


TESTS = {f.__name__: f for f in (
    a_bar_fills_on_a_terminal, a_narrow_terminal_cuts_the_bar, without_the_wish_there_is_no_bar,
    the_environment_can_wish_for_bars, training_and_judging_fill_bars, without_a_terminal_there_is_no_bar,
    an_interrupted_rebuild_changes_nothing_and_goes_on, what_is_undone_is_not_embedded_again,
    steps_are_committed_one_by_one, others_write_between_the_steps)}

if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print("\n".join(TESTS))
    elif sys.argv[1] == "--work":
        work(*sys.argv[2:])
    elif sys.argv[1] == "--run":
        run(*sys.argv[2:])
    elif sys.argv[1] == "--steps":
        steps(*sys.argv[2:])
    else:
        TESTS[sys.argv[1]](*sys.argv[2:])
