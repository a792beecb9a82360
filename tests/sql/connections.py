"""connections.py -- what SQL text alone cannot say: interrupts, threads, cursors left open, files that change. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
import os
import shutil
import sqlite3
import tempfile
import threading
import time
import traceback

# A query that never gives a row, and never ends by itself.
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT 1 - x FROM c) SELECT x, ''t'' FROM c WHERE x > 1"


def outcome(test, host):
    """None, or what went wrong."""
    try:
        test(host)
        return None
    except AssertionError as e:
        return str(e) or traceback.format_exc()
    except Exception:
        return traceback.format_exc()


def error_of(db, sql, *values):
    try:
        db.execute(sql, values).fetchall()
    except sqlite3.Error as e:
        return str(e)
    return None


def equal(found, wanted):
    assert found == wanted, f'found {found!r}, wanted {wanted!r}'


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def connected(host, model='sbert-mean', options=None):
    db = host.connect()
    host.load(db, 'm', model, options)
    return db


# ---- stopping ----------------------------------------------------------------------------------------------------------

def interrupted(db, sql, *values):
    """The error of a statement that another thread interrupts while it runs; the connection must work afterwards."""
    def stop():
        while running:
            time.sleep(0.05)
            db.interrupt()
    running = [True]
    thread = threading.Thread(target=stop)
    thread.start()
    error = error_of(db, sql, *values)
    running.clear()
    thread.join()
    equal(one(db, "SELECT length(bert_embed('x', 'm')) > 0"), 1)
    return error


def an_interrupt_stops_a_single_long_text(host):
    db = connected(host, 'bert-512', '{"on_long": "mean", "threads": 1}')
    equal(interrupted(db, "SELECT bert_embed(?, 'm')", 'the river ' * 3000000), 'interrupted')


def an_interrupt_stops_a_long_scan(host):
    sql = "SELECT count(embedding) FROM bert_embed_each('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x, x FROM c', 'm')"
    equal(interrupted(connected(host), sql), 'interrupted')


def an_interrupt_stops_the_query_within(host):
    equal(interrupted(connected(host), f"SELECT * FROM bert_embed_each('{ENDLESS}', 'm')"), 'interrupted')


def a_progress_handler_stops_a_long_text(host):
    """On any SQLite that is asked by a statement of our own; newer ones built with newer headers know of interrupts alone."""
    db = connected(host)
    db.set_progress_handler(lambda: 1, 100)
    equal(error_of(db, f"SELECT * FROM bert_embed_each('{ENDLESS}', 'm')"), 'interrupted')
    db.set_progress_handler(None, 0)
    equal(one(db, "SELECT length(bert_embed('x', 'm'))"), 48)


# ---- cursors -----------------------------------------------------------------------------------------------------------

def many(db):
    db.execute('CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i AS id, i AS body FROM n')


def scans_of_one_model_may_interleave(host):
    db = connected(host)
    many(db)
    sql = "SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM many', 'm')"
    alone = db.execute(sql).fetchall()
    scans = [db.execute(sql) for _ in range(3)]
    rows = list(zip(*scans))
    assert len(rows) == 500 and all(a == b == c == d for (a, b, c), d in zip(rows, alone)), 'rows differ'


def a_connection_closes_under_an_open_scan(host):
    for sql in ("SELECT * FROM bert_embed_each('SELECT id, body FROM many', 'm')", "SELECT * FROM bert_tokens('the river', NULL, 'm')",
                'SELECT * FROM bert_models', "SELECT * FROM bert_chunks('the river', 3, 0, 'm')"):
        db = connected(host)
        many(db)
        scan = db.execute(sql)
        scan.fetchone()
        db.close()


def a_scan_outlives_the_name_of_its_model(host):
    db = connected(host)
    many(db)
    wanted = db.execute("SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM many', 'm')").fetchall()
    scan = db.execute("SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM many', 'm')")
    first = scan.fetchone()
    db.execute("SELECT bert_unload('m')").fetchall()
    host.load(db, 'm', 'bert-512')
    equal([first] + scan.fetchall(), wanted)


def a_write_between_rows_is_taken_as_sqlite_takes_it(host):
    db = connected(host)
    many(db)
    db.execute('CREATE TABLE out(key, e)')
    db.execute('BEGIN')
    for key, e in db.execute("SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM many', 'm')"):
        db.execute('INSERT INTO out VALUES (?, ?)', (key, e))
    db.execute('COMMIT')
    equal(one(db, "SELECT sum(e = bert_embed(body, 'm')) FROM out JOIN many ON id = key"), 500)


# ---- files and threads ---------------------------------------------------------------------------------------------------

def a_directory_that_changed_is_another_model(host):
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, 'model')
        shutil.copytree(host.model('sbert-mean'), path)
        db = host.connect()
        load = "SELECT substr(bert_load(?, ?), 3)"
        first = one(db, load, 'a', path)
        equal(one(db, load, 'b', host.model('sbert-mean')), first)
        equal(db.execute('SELECT source FROM bert_models').fetchall(), [(path,), (host.model('sbert-mean'),)])
        shutil.rmtree(path)
        shutil.copytree(host.model('sbert-cls'), path)
        second = one(db, load, 'c', path)
        assert first != second, 'the old model was given for new files'
        equal(one(db, "SELECT bert_embed('x', 'a') = bert_embed('x', 'b')"), 1)
        equal(one(db, "SELECT bert_embed('x', 'a') = bert_embed('x', 'c')"), 0)


def threads_may_load_use_and_forget_one_model(host):
    wrong = []

    def work():
        try:
            for _ in range(20):
                db = connected(host)
                if one(db, "SELECT bert_embed('river', 'm')") != wanted:
                    wrong.append('another vector')
                db.execute("SELECT bert_unload('m')").fetchall()
                db.close()
        except Exception as e:
            wrong.append(repr(e))
    wanted = one(connected(host), "SELECT bert_embed('river', 'm')")
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(wrong, [])


def a_connection_may_move_between_threads(host):
    db = connected(host)
    wanted = one(db, "SELECT bert_embed('river', 'm')")
    found = []
    for _ in range(4):
        t = threading.Thread(target=lambda: found.append(one(db, "SELECT bert_embed('river', 'm')")))
        t.start()
        t.join()
    equal(found, [wanted] * 4)


# ---- the host's rules ---------------------------------------------------------------------------------------------------------

def the_query_within_obeys_the_authorizer(host):
    db = connected(host)
    db.execute('CREATE TABLE secret(x)')
    db.set_authorizer(lambda action, table, *_: sqlite3.SQLITE_DENY if (action, table) == (sqlite3.SQLITE_READ, 'secret') else sqlite3.SQLITE_OK)
    error = error_of(db, "SELECT * FROM bert_embed_each('SELECT 1, x FROM secret', 'm')")
    assert error and 'access to secret.x is prohibited' in error, error


def results_obey_the_length_limit(host):
    db = connected(host)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 40)
    for sql in ("bert_embed('x', 'm')", "bert_concat('[1,2,3]',4,5,6,7,8,9,0,1,2)", "bert_to_json('[0.12345678,0.12345678,0.12345678]')"):
        equal(error_of(db, f'SELECT {sql}'), 'string or blob too big')


def a_busy_database_is_reported_as_such(host):
    with tempfile.TemporaryDirectory() as where:
        file = os.path.join(where, 'x.db')
        db, other = host.connect(file), host.connect(file)
        host.load(db, 'm', 'sbert-mean')
        db.execute('PRAGMA busy_timeout = 0')
        other.executescript('CREATE TABLE t(a, b); BEGIN EXCLUSIVE')
        error = error_of(db, "SELECT * FROM bert_embed_each('SELECT a, b FROM t', 'm')")
        assert error and 'database is locked' in error, error


def another_copy_of_sqlite_is_refused(host):
    try:
        import apsw
    except ImportError:
        return
    equal(one(connected(host), 'SELECT 1'), 1)
    other = apsw.Connection(':memory:')
    other.enable_load_extension(True)
    try:
        other.load_extension(host.so)
    except apsw.Error as e:
        assert 'another copy of SQLite' in str(e), str(e)
        return
    raise AssertionError('it was loaded into both')


def tests_of(names):
    """(name, function) of a module's functions of the host alone."""
    return [(name, f) for name, f in list(names.items())
            if getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('host',) and f.__code__.co_argcount == 1]


TESTS = tests_of(globals())
