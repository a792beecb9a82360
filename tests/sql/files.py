"""files.py -- models in files: databases that many connections and processes open, directories. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

from connections import equal, error_of, one, tests_of

VECTOR = "SELECT bert_embed('the river', 'm')"


def stored(host, where, model='sbert-mean', options=None, mode='DELETE'):
    """A database file that has the model as m, and the vector that it gives."""
    file = os.path.join(where, 'x.db')
    db = host.connect(file)
    db.execute(f'PRAGMA journal_mode = {mode}')
    host.load(db, 'm', model, options)
    vector = one(db, VECTOR)
    one(db, "SELECT bert_store('m')")
    one(db, "SELECT bert_unload('m')")
    db.close()
    return file, vector


def in_a_process(host, file, sql):
    """What the first row of a query has, in a process of its own that knows nothing but the file."""
    code = ('import sqlite3, sys\n'
            'db = sqlite3.connect(sys.argv[2], uri=True, isolation_level=None)\n'
            'db.enable_load_extension(True)\n'
            'db.load_extension(sys.argv[1])\n'
            'print(db.execute(sys.argv[3]).fetchone()[0].hex())')
    run = subprocess.run([sys.executable, '-c', code, host.so, file, sql], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return bytes.fromhex(run.stdout.strip())


def another_process_gives_the_same_vector(host):
    for options in (None, '{"compute": "int8"}', '{"pooling": "max", "max_tokens": 9}'):
        for mode in ('DELETE', 'WAL'):
            with tempfile.TemporaryDirectory() as where:
                file, vector = stored(host, where, options=options, mode=mode)
                equal(in_a_process(host, file, VECTOR), vector)
                equal(in_a_process(host, f'file:{file}?mode=ro', VECTOR), vector)


def a_rollback_is_one_for_every_connection(host):
    with tempfile.TemporaryDirectory() as where:
        file, vector = stored(host, where, mode='WAL')
        a, b = host.connect(file), host.connect(file)
        equal(one(b, VECTOR), vector)
        host.load(a, 'm', 'bert-512')
        a.execute('BEGIN')
        one(a, "SELECT bert_store('m')")
        one(a, "SELECT bert_unload('m')")
        other = one(a, VECTOR)
        assert other != vector
        equal(one(b, VECTOR), vector)  # not committed: nothing of it is seen
        a.execute('ROLLBACK')
        equal(one(a, VECTOR), vector)
        a.execute('BEGIN')
        one(a, "SELECT bert_drop('m')")
        assert 'no model called' in error_of(a, VECTOR)
        a.execute('COMMIT')
        assert 'no model called' in error_of(b, VECTOR)


def a_statement_keeps_the_model_that_it_began_with(host):
    with tempfile.TemporaryDirectory() as where:
        file, vector = stored(host, where, mode='WAL')
        a, b = host.connect(file), host.connect(file)
        rows = a.execute("SELECT bert_embed(value, 'm') FROM (SELECT 'the river' AS value UNION ALL SELECT 'the river')")
        equal(rows.fetchone()[0], vector)
        one(b, "SELECT bert_drop('m')")
        equal(rows.fetchone()[0], vector)
        rows.close()
        assert 'no model called' in error_of(a, VECTOR)


def a_read_only_database_takes_no_model(host):
    with tempfile.TemporaryDirectory() as where:
        file, vector = stored(host, where)
        db = sqlite3.connect(f'file:{file}?mode=ro', uri=True, isolation_level=None)
        db.enable_load_extension(True)
        db.load_extension(host.so)
        equal(one(db, VECTOR), vector)
        assert 'readonly' in error_of(db, "SELECT bert_store('m')"), error_of(db, "SELECT bert_store('m')")
        assert 'readonly' in error_of(db, "SELECT bert_drop('m')")
        equal(one(db, VECTOR), vector)


def the_schema_may_pin_a_stored_model(host):
    with tempfile.TemporaryDirectory() as where:
        file, vector = stored(host, where)
        db = host.connect(file)
        pinned = one(db, "SELECT name || '@' || hash FROM bert_models")
        db.executescript(f"""CREATE TABLE t(body, e AS (bert_embed(body, '{pinned}')) STORED);
                             CREATE INDEX i ON t(bert_token_count(body, 'm'));
                             INSERT INTO t(body) VALUES ('the river');""")
        equal(one(db, 'SELECT e FROM t'), vector)
        db.execute('PRAGMA trusted_schema = OFF')
        db.execute("INSERT INTO t(body) VALUES ('the river')")
        equal(db.execute('SELECT count(*), count(DISTINCT e) FROM t').fetchone(), (2, 1))
        equal(one(db, 'PRAGMA integrity_check'), 'ok')
        host.load(db, 'n', 'bert-512')
        one(db, "SELECT bert_drop('m')")
        assert 'no model called' in error_of(db, "INSERT INTO t(body) VALUES ('x')")


def reading_a_stored_model_obeys_the_authorizer(host):
    with tempfile.TemporaryDirectory() as where:
        file, vector = stored(host, where)
        db = host.connect(file)
        db.set_authorizer(lambda action, what, *rest: sqlite3.SQLITE_DENY if what == 'bert_model_data' else 0)
        assert 'prohibited' in error_of(db, VECTOR) or 'not authorized' in error_of(db, VECTOR), error_of(db, VECTOR)
        db.set_authorizer(None)
        equal(one(db, VECTOR), vector)


def an_interrupted_store_leaves_nothing(host):
    with tempfile.TemporaryDirectory() as where:
        db = host.connect(os.path.join(where, 'x.db'))
        host.load(db, 'm', 'sbert-mean')
        db.set_progress_handler(lambda: 1, 1)
        equal(error_of(db, "SELECT bert_store('m')"), 'interrupted')
        db.set_progress_handler(None, 0)
        equal(db.execute('SELECT count(*) FROM sqlite_schema').fetchone()[0], 0)
        equal(db.in_transaction, False)


def a_change_waits_for_another_writer(host):
    with tempfile.TemporaryDirectory() as where:
        file = os.path.join(where, 'x.db')
        one_writer, db = host.connect(file), host.connect(file)
        one_writer.execute('PRAGMA journal_mode = wal')
        host.load(db, 'm', 'sbert-mean')
        for sql in "SELECT bert_store('m')", "SELECT bert_store('m')", "SELECT bert_drop('m')":
            one_writer.execute('BEGIN IMMEDIATE')
            one_writer.execute('CREATE TABLE IF NOT EXISTS t(x)')
            one_writer.execute('INSERT INTO t VALUES (1)')
            db.execute('PRAGMA busy_timeout = 30000')
            release = threading.Timer(0.1, one_writer.commit)
            release.start()
            assert one(db, sql).startswith('m@')
            release.join()


@contextlib.contextmanager
def small_disk(size):
    """The limit on a file's size stands for a disk that is full."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1][1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[1])
        signal.signal(signal.SIGXFSZ, before[0])


def a_full_disk_leaves_nothing(host):
    with tempfile.TemporaryDirectory() as where:
        db = host.connect()
        host.load(db, 'm', 'bert-512')
        with small_disk(20000):
            error = error_of(db, 'SELECT bert_save(?, ?)', 'm', os.path.join(where, 'saved'))
        assert 'File too large' in error, error
        equal(os.listdir(where), [])
        db.execute('SELECT bert_save(?, ?)', ('m', os.path.join(where, 'saved'))).fetchall()
        equal(os.listdir(where), ['saved'])


def a_directory_that_may_not_be_written_says_so(host):
    if os.getuid() == 0:
        return  # who may write everywhere
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o500)
        db = host.connect()
        host.load(db, 'm', 'sbert-mean')
        assert 'Permission denied' in error_of(db, 'SELECT bert_save(?, ?)', 'm', os.path.join(where, 'saved'))


def an_empty_directory_is_filled(host):
    with tempfile.TemporaryDirectory() as where:
        db = host.connect()
        host.load(db, 'm', 'sbert-two-dense')
        saved = one(db, "SELECT bert_save('m', ?)", where + '/')
        equal(one(db, "SELECT bert_load('m', ?)", where), saved)
        equal(one(db, 'SELECT bert_save(?, ?)', saved, os.path.join(where, 'again')), saved)


def a_link_is_not_followed(host):
    with tempfile.TemporaryDirectory() as where:
        db = host.connect()
        host.load(db, 'm', 'sbert-mean')
        link = os.path.join(where, 'link')
        os.symlink(where, link)
        error = error_of(db, 'SELECT bert_save(?, ?)', 'm', link)
        assert 'found a symbolic link, wanted a new or an empty directory' in error, error
        equal(os.listdir(where), ['link'])


TESTS = tests_of(globals())
