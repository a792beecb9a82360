"""index_io.py -- bert_index in a newer SQLite, by apsw: disks that fail, other processes, integrity_check, defensive mode.

    index_io.py BERT.SO [STEP]      ends with "N passed, N failed"; STEP: every how many-th read and write fails, 23 where not said

The system's sqlite3 module has no VFS of one's own, and is older than PRAGMA integrity_check of virtual tables. Each test takes the
path of bert.so and an empty folder, and fails by an assertion. """
import os
import random
import struct
import sys
import tempfile
import time
import traceback

import apsw

D = 8
CHECK = "INSERT INTO v(v) VALUES ('integrity-check')"
STEP = 23


def connect(so, file, vfs=None):
    db = apsw.Connection(file, vfs=vfs)
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    db.set_busy_timeout(10000)
    return db


def vector(key):
    rng = random.Random(key)
    return struct.pack(f'<{D}f', *(rng.gauss(0, 1) for _ in range(D)))


def fill(db, first, last):
    with db:
        db.executemany('INSERT OR REPLACE INTO v(rowid, e, version) VALUES (?, ?, 0)', ((i, vector(i)) for i in range(first, last)))


def error_of(db, sql, *values):
    try:
        db.execute(sql, values).fetchall()
    except apsw.Error as e:
        return str(e)
    return None


# ---- disks that fail --------------------------------------------------------------------------------------------------

class Disk(apsw.VFS):
    """Passes everything on; `left` reads, writes and syncs later one fails, or all do from then on."""

    def __init__(self, name):
        super().__init__(name, '')
        self.left, self.count, self.is_lasting = None, 0, False

    def xOpen(self, name, flags):
        return DiskFile(self, name, flags)

    def touch(self):
        self.count += 1
        if self.left is None:
            return
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.is_lasting):
            raise apsw.IOError()


class DiskFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        self.disk = disk
        super().__init__('', name, flags)

    def xRead(self, amount, offset):
        self.disk.touch()
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):
        self.disk.touch()
        super().xWrite(data, offset)

    def xSync(self, flags):
        self.disk.touch()
        super().xSync(flags)

    def xTruncate(self, size):
        self.disk.touch()
        super().xTruncate(size)


TRANSACTIONS = (
    lambda db: fill(db, 50, 130),
    lambda db: db.execute('UPDATE v SET version = version + 1, e = ? WHERE rowid % 9 = 4', (vector(-1),)).fetchall(),
    lambda db: db.execute('BEGIN; SAVEPOINT a; DELETE FROM v WHERE rowid < 20; ROLLBACK TO a; UPDATE v SET rowid = 1000 WHERE rowid = 7; '
                          'RELEASE a; COMMIT').fetchall(),
    lambda db: db.execute('DELETE FROM v WHERE rowid % 4').fetchall(),
    lambda db: db.execute("INSERT INTO v(v) VALUES ('optimize')").fetchall(),
    lambda db: db.execute("INSERT INTO v(v) VALUES ('rebuild')").fetchall(),
)


def state_of(db):
    return (db.execute('SELECT rowid, e, version FROM v').fetchall(),
            db.execute('SELECT rowid, distance FROM v WHERE e MATCH ? AND version >= 0 AND k = 12', (vector(3),)).fetchall())


def run(db):
    """The state before, and after each transaction; the error that ended them, or None."""
    states = []
    try:
        states.append(state_of(db))
        for transaction in TRANSACTIONS:
            transaction(db)
            states.append(state_of(db))
    except apsw.Error as e:
        return states, e
    return states, None


def new_file(so, folder, mode):
    file = os.path.join(folder, 'x.db')
    for ending in ('', '-journal', '-wal', '-shm'):
        if os.path.exists(file + ending):
            os.remove(file + ending)
    db = connect(so, file)
    db.execute(f'PRAGMA page_size = 512; PRAGMA journal_mode = {mode}').fetchall()
    db.execute(f'CREATE VIRTUAL TABLE v USING bert_index(e float[{D}], version)')
    fill(db, 1, 60)
    db.close()
    return file


def whole_after_failure(so, file, seen, all_states, disk, db):
    """Answers given meanwhile are right; what is there afterwards, also for the same connection, is a state before or after."""
    assert seen == all_states[:len(seen)], 'a wrong answer without an error'
    disk.left = None
    allowed = all_states[max(len(seen) - 1, 0):len(seen) + 1]
    if db.in_transaction:
        db.execute('ROLLBACK')
    for other in (db, connect(so, file)):
        other.execute(CHECK)
        assert state_of(other) in allowed, 'its rows are neither those before nor those after'
        assert other.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        other.close()


def failing_disks(so, folder, mode, is_lasting, step):
    disk = Disk(f'failing-{mode}-{is_lasting}')
    disk.is_lasting = is_lasting
    db = connect(so, new_file(so, folder, mode), f'failing-{mode}-{is_lasting}')
    db.execute("PRAGMA cache_size = 5; SELECT bert_index_memory(0)").fetchall()  # so that everything is read again
    disk.count = 0
    all_states, error = run(db)
    assert error is None and len(all_states) == len(TRANSACTIONS) + 1
    db.close()
    touched, failures = disk.count, 0
    for at in range(1, touched, step):
        file = new_file(so, folder, mode)
        db = connect(so, file, f'failing-{mode}-{is_lasting}')
        db.execute("PRAGMA cache_size = 5; SELECT bert_index_memory(0)").fetchall()
        disk.left = at
        seen, error = run(db)
        failures += error is not None
        whole_after_failure(so, file, seen, all_states, disk, db)
    assert failures > touched / step / 4, failures
    disk.unregister()


def a_disk_that_fails_once_loses_nothing(so, folder):
    for mode in ('delete', 'wal'):
        failing_disks(so, folder, mode, False, STEP)


def a_disk_that_goes_away_loses_nothing(so, folder):
    for mode in ('delete', 'wal'):
        failing_disks(so, folder, mode, True, STEP)


def a_table_function_that_fails_leaves_nothing_behind(so, folder):
    """What it was to write for its search, when the disk failed and SQLite undid the transaction, is written by no later one."""
    disk = Disk('failing-function')
    undone = 0
    for at in range(1, 130, 11):
        db = connect(so, new_file(so, folder, 'delete'), 'failing-function')
        db.execute('PRAGMA cache_size = 5; SELECT bert_index_memory(0)').fetchall()
        db.execute('BEGIN')
        for i in range(100, 140):
            db.execute('INSERT INTO v(rowid, e, version) VALUES (?, ?, 0)', (i, vector(i)))
        disk.left = at
        error_of(db, 'SELECT * FROM bert_search_each(?, ?, 3)', 'v', f"SELECT 1, x'{vector(1).hex()}'")
        disk.left = None
        undone += not db.in_transaction
        if db.in_transaction:
            db.execute('ROLLBACK')
        db.execute('SELECT rowid FROM v WHERE e MATCH ? AND k = 3', (vector(1),)).fetchall()
        db.execute(CHECK)
        assert db.execute('SELECT count(*) FROM v').fetchall() == [(59,)]
        db.close()
    assert undone > 2, undone
    disk.unregister()


# ---- other processes --------------------------------------------------------------------------------------------------

def read_meanwhile(so, file, until):
    """Each snapshot has rows of one version alone, and finds the row that is of it."""
    db = connect(so, file)
    count = 0
    while time.time() < until:
        with db:
            versions = db.execute('SELECT DISTINCT version FROM v').fetchall()
            found = db.execute('SELECT version FROM v WHERE e MATCH ? AND k = 100', (vector(1),)).fetchall()
            nearest = db.execute('SELECT rowid FROM v WHERE e MATCH ? AND k = 1', (vector(5000 + versions[0][0]),)).fetchall()
        assert len(versions) == 1 and set(found) == set(versions) and len(found) == 100 and nearest == [(1,)], (versions, nearest)
        count += 1
    assert count > 2, count


def processes_read_while_one_writes(so, folder):
    for mode in ('wal', 'delete'):
        file = new_file(so, folder, mode)
        db = connect(so, file)
        fill(db, 1, 301)
        db.execute('UPDATE v SET e = ? WHERE rowid = 1', (vector(5000),))
        until = time.time() + 2
        children = []
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                wrong = 1
                try:
                    read_meanwhile(so, file, until)
                    wrong = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(wrong)
            children.append(pid)
        version = 0
        while time.time() < until:
            version += 1
            with db:
                db.execute('UPDATE v SET version = ?', (version,))
                db.execute('UPDATE v SET e = ? WHERE rowid = 1', (vector(5000 + version),))
            time.sleep(0.01)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
        assert version > 3, version
        db.execute(CHECK)
        db.close()


# ---- what newer SQLites ask -------------------------------------------------------------------------------------------

def integrity_check_asks_the_index(so, folder):
    db = connect(so, new_file(so, folder, 'delete'))
    assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
    db.execute('DELETE FROM v_rows WHERE id = 7')
    said = db.execute('PRAGMA integrity_check').fetchall()
    assert 'row 7, which is missing' in said[0][0], said
    assert 'row 7, which is missing' in error_of(db, CHECK)


def a_defensive_connection_writes_by_the_index_alone(so, folder):
    db = connect(so, new_file(so, folder, 'delete'))
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    for sql in ('DELETE FROM v_rows', 'UPDATE v_blocks SET stamp = 1', 'DROP TABLE v_codes', 'INSERT INTO v_config VALUES (1, 2)'):
        assert 'may not be' in error_of(db, sql), error_of(db, sql)
    fill(db, 50, 90)
    db.execute("BEGIN; SAVEPOINT a; DELETE FROM v WHERE rowid % 3; RELEASE a; COMMIT; INSERT INTO v(v) VALUES ('optimize')")
    db.execute('ALTER TABLE v RENAME TO w')
    assert db.execute('SELECT rowid FROM w WHERE e MATCH ? AND k = 1', (vector(60),)).fetchall() == [(60,)]
    db.execute('DROP TABLE w')
    assert db.execute('SELECT count(*) FROM sqlite_schema').fetchall() == [(0,)]


def limits_that_sqlite_hands_down_lose_no_rows(so, folder):
    db = connect(so, new_file(so, folder, 'delete'))
    fill(db, 1, 200)
    db.execute('UPDATE v SET version = rowid % 10')
    for where in ('', 'AND version = 3', 'AND version IN (1, 2, 30)', 'AND version NOT IN (1, 2)', 'AND abs(version - 5) < 3',
                  'AND (version = 1 OR rowid > 150)', 'AND distance > 0.5 AND distance <= 1.2', 'AND rowid IN (SELECT 5 UNION SELECT 9)'):
        sql = f'SELECT rowid, distance FROM v WHERE e MATCH ? {where} ORDER BY distance'
        rows = db.execute(sql, (vector(1),)).fetchall()
        for limit, offset in ((5, 0), (5, 7), (0, 0), (-1, 3), (1000, 190), (40, 33)):
            wanted = rows[offset:] if limit < 0 else rows[offset:offset + limit]
            assert db.execute(f'{sql} LIMIT ? OFFSET ?', (vector(1), limit, offset)).fetchall() == wanted, (where, limit, offset)


TESTS = (integrity_check_asks_the_index, a_defensive_connection_writes_by_the_index_alone, limits_that_sqlite_hands_down_lose_no_rows,
         processes_read_while_one_writes, a_table_function_that_fails_leaves_nothing_behind, a_disk_that_fails_once_loses_nothing,
         a_disk_that_goes_away_loses_nothing)


def main(so, step=STEP):
    global STEP
    STEP = int(step)
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(so, folder)
            except Exception:
                failed += 1
                print(f'FAIL index_io.py, {test.__name__}: {traceback.format_exc()}')
    print(f'{len(TESTS) - failed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
