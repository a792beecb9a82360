"""index_kill.py -- kill -9 at random moments of writing to an index: what was committed is found again, and all is whole.

    index_kill.py BERT.SO [ROUNDS [SEED]]      ends with "N passed, N failed"; 20 rounds where none are said

A child process inserts, updates, deletes, optimizes and rebuilds, and appends to a pipe what it has committed. It is killed
after some milliseconds; then the file is opened again: integrity-check passes, and the rows are those of the last commit told, or
of the one that was under way. """
import os
import random
import signal
import sqlite3
import struct
import sys
import tempfile
import time

D = 24


def connect(so, file):
    db = sqlite3.connect(file, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    return db


def vector(key, version):
    rng = random.Random(key * 1000003 + version)
    return struct.pack(f'<{D}f', *(rng.gauss(0, 1) for _ in range(D)))


def write(db, rng, rows):
    """One transaction; what the rows then are: rowid -> version."""
    rows = dict(rows)
    what = rng.random()
    if what < 0.1:
        db.execute(f"INSERT INTO v(v) VALUES ('{rng.choice(('optimize', 'rebuild'))}')")
        return rows
    db.execute('BEGIN')
    for _ in range(rng.choice((1, 5, 400))):
        key, version = rng.randint(1, 4000), rng.randint(1, 10**6)
        if rng.random() < 0.2:
            db.execute('DELETE FROM v WHERE rowid = ?', (key,))
            rows.pop(key, None)
        else:
            db.execute('REPLACE INTO v(rowid, e, version) VALUES (?, ?, ?)', (key, vector(key, version), version))
            rows[key] = version
    return rows


def child(so, file, seed, pipe):
    rng = random.Random(seed)
    db = connect(so, file)
    rows = dict(db.execute('SELECT rowid, version FROM v'))
    number = 0
    while True:
        rows = write(db, rng, rows)
        os.write(pipe, struct.pack('<qq', number, hash(frozenset(rows.items()))))  # told before it is committed
        if db.in_transaction:
            db.execute('COMMIT')
        os.write(pipe, struct.pack('<qq', -1, 0))
        number += 1


def told(pipe):
    """The last state committed for sure, and the one that was under way, as hashes; None where there was none."""
    sure = under_way = None
    while len(piece := os.read(pipe, 16)) == 16:
        number, state = struct.unpack('<qq', piece)
        if number < 0:
            sure, under_way = under_way, None
        else:
            under_way = state
    return sure, under_way


def one_round(so, file, seed, milliseconds):
    before = hash(frozenset(connect(so, file).execute('SELECT rowid, version FROM v')))
    read, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(so, file, seed, write_end)
        finally:
            os._exit(1)
    os.close(write_end)
    time.sleep(milliseconds / 1000)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    sure, under_way = told(read)
    os.close(read)
    if not os.WIFSIGNALED(status):
        return 'the writer ended by itself'
    db = connect(so, file)
    db.execute("INSERT INTO v(v) VALUES ('integrity-check')")
    rows = list(db.execute('SELECT rowid, version FROM v'))
    state = hash(frozenset(rows))
    if state not in (before if sure is None else sure, under_way):
        return 'its rows are neither those before nor those after the transaction that was cut off'
    for key, version in random.Random(seed).sample(rows, min(len(rows), 5)):
        found = db.execute('SELECT rowid FROM v WHERE e MATCH ? AND k = 1', (vector(key, version),)).fetchall()
        if found != [(key,)]:
            return f'row {key} is not found by its vector'
    db.close()
    return None


def main(so, rounds=20, seed=1):
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(int(rounds)):
            file = os.path.join(folder, f'{i // 10}.db')
            if i % 10 == 0:
                db = connect(so, file)
                db.execute(f'PRAGMA journal_mode = {("delete", "wal")[i // 10 % 2]}')
                db.execute(f'CREATE VIRTUAL TABLE v USING bert_index(e float[{D}], version INTEGER)')
                db.close()
            wrong = one_round(so, file, int(seed) * 1000 + i, random.Random(int(seed) * 77 + i).uniform(20, 250))
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f'FAIL index_kill.py, round {i} of seed {seed}: {wrong}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    os.environ.setdefault('PYTHONHASHSEED', '0')
    sys.exit(main(*sys.argv[1:]))
