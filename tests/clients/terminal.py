"""terminal.py NAME BERT.SO MODEL TINY -- the bar of a long command, as a terminal shows it. See run.py and process.py.

A process whose standard error is a terminal of 100 columns rebuilds an index. `--list` prints the names.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from process import check, connect

BAR = re.compile(r"^notes rebuild \[(#*)(-*)\] +(\d+) %  (?:\d+:\d\d left, )?(\d+) rows, (\d+) rows/s *$")
ROWS = 3000


def work(so, model, setting):
    """What the child does."""
    db = connect(so, model)
    db.execute("CREATE VIRTUAL TABLE notes USING bert_index(body)")
    db.execute("""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                  INSERT INTO notes(body) SELECT 'the text of row ' || i FROM n""", (ROWS,))
    if setting != "unsaid":
        db.execute("INSERT INTO notes(notes, rank) VALUES ('progress', ?)", (setting,))
    db.execute("INSERT INTO notes(notes) VALUES ('rebuild')")
    db.close()


def seen(so, model, setting, environment=None, columns=100):
    """What comes out at the terminal."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k != "BERT_PROGRESS"}
    child = subprocess.Popen([sys.executable, __file__, "--work", so, model, setting], stderr=end,
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
    found = seen(so, tiny, "1")
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


def without_a_terminal_there_is_no_bar(so, model, tiny):
    done = subprocess.run([sys.executable, __file__, "--work", so, tiny, "1"], capture_output=True)
    check(done.returncode == 0 and not done.stderr, f"{done.stderr}")


TESTS = {f.__name__: f for f in (
    a_bar_fills_on_a_terminal, a_narrow_terminal_cuts_the_bar, without_the_wish_there_is_no_bar,
    the_environment_can_wish_for_bars, without_a_terminal_there_is_no_bar)}

if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print("\n".join(TESTS))
    elif sys.argv[1] == "--work":
        work(*sys.argv[2:])
    else:
        TESTS[sys.argv[1]](*sys.argv[2:])
