"""index_changes.py -- bert_index while what it stands on changes: its rows, its model, its schema, the hands it is in. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
import os
import random
import sqlite3
import struct
import tempfile

from connections import connected, equal, error_of, one
from indexes import CHECK


def pair(*v):
    return struct.pack('<2f', *v)


def numbered(db, n, options=''):
    """Rows 1 … n, the farther from [1, 0] the higher; m is 0 or 1 in turn."""
    db.execute(f'CREATE VIRTUAL TABLE x USING bert_index(e float[2], m{options})')
    db.execute('BEGIN')
    db.executemany('INSERT INTO x(rowid, e, m) VALUES (?, ?, ?)', ((i, pair(1, i / 100), i % 2) for i in range(1, n + 1)))
    db.execute('COMMIT')


def with_two_texts(db, host):
    host.load(db, 'm', 'sbert-mean')
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, model='m')")
    db.execute("INSERT INTO x(body) VALUES ('river'), ('train')")
    return db


# ---- rows ----------------------------------------------------------------------------------------------------------------

def a_stream_gives_no_row_that_took_the_place_of_another(host):
    """Rows that were found go, others come to their places: the conditions hold for these, too."""
    db = host.connect()
    numbered(db, 400)
    rows = db.execute("SELECT rowid, m FROM x WHERE e MATCH '[1, 0]' AND m = 1")
    found = [rows.fetchone() for _ in range(3)]
    db.execute('DELETE FROM x WHERE m = 1 AND rowid > 200')
    db.executemany('INSERT INTO x(rowid, e, m) VALUES (?, ?, ?)', ((1000 + i, pair(1, 3 + i / 100), i % 10 == 0) for i in range(100)))
    found += rows.fetchall()
    equal(found, [(i, 1) for i in list(range(1, 201, 2)) + list(range(1000, 1100, 10))])


def a_stream_reads_the_vectors_of_rows_that_move(host):
    db = host.connect()
    numbered(db, 2000)
    wanted = dict(db.execute('SELECT rowid, e FROM x'))
    db.execute('DELETE FROM x WHERE rowid % 3')
    for sql in ("SELECT rowid, e FROM x WHERE e MATCH '[1, 0]' LIMIT 500", 'SELECT rowid, e FROM x'):
        rows = db.execute(sql)
        found = [rows.fetchone() for _ in range(3)]
        db.execute("INSERT INTO x(x) VALUES ('rebuild')")
        found += rows.fetchall()
        assert len(found) >= 500 and all(wanted[r] == e for r, e in found)


def texts_of_many_blocks_are_changed_in_one_transaction(host):
    """More blocks than are held at once, and new rows among them, which have a place before they have a vector."""
    db = connected(host)
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, p PARTITION KEY, model='m')")
    db.execute('BEGIN')
    db.executemany("INSERT INTO x(rowid, body, p) VALUES (?, 'the river', ?)", ((i, i) for i in range(1, 101)))
    db.execute('COMMIT')
    db.execute('BEGIN')
    db.execute("UPDATE x SET body = 'a city ' || rowid")
    db.execute("INSERT INTO x(rowid, body, p) VALUES (500, 'train', 90)")
    db.execute('COMMIT')
    db.execute(CHECK)
    equal(one(db, "SELECT rowid FROM x WHERE body MATCH 'train' LIMIT 1"), 500)


def a_schema_that_is_read_anew_loses_nothing_that_is_pending(host):
    """SQLite makes another object for the table then, within the transaction."""
    for options in ('', ", search='approximate'"):
        for between in (('PRAGMA writable_schema = RESET',), ("ATTACH '/no/such/folder/file' AS f",), ('ALTER TABLE x RENAME TO z', 'ALTER TABLE z RENAME TO x'),
                        ('CREATE TABLE o(a)', 'ALTER TABLE o RENAME COLUMN a TO b'), ('SAVEPOINT s', 'CREATE TABLE o(a)', 'ROLLBACK TO s')):
            db = host.connect()
            numbered(db, 1, options)
            db.execute('BEGIN')
            db.execute("INSERT INTO x(rowid, e) VALUES (2, '[1, 2]')")
            for sql in between:
                error_of(db, sql)
            equal((between, one(db, "SELECT count(*) FROM x WHERE e MATCH '[1, 1]'")), (between, 2))
            db.execute("INSERT INTO x(rowid, e) VALUES (3, '[1, 2]')")
            db.execute('COMMIT')
            db.execute(CHECK)
            equal(one(db, "SELECT count(*) FROM x WHERE e MATCH '[1, 1]'"), 3)


# ---- conditions ------------------------------------------------------------------------------------------------------------

def inequality_has_the_collation_that_sqlite_gives_it(host):
    db = host.connect()
    columns = 't TEXT, n TEXT COLLATE NOCASE'
    db.execute(f'CREATE VIRTUAL TABLE x USING bert_index(e float[2], {columns})')
    db.execute(f'CREATE TABLE y(id INTEGER PRIMARY KEY, {columns})')
    for i, s in enumerate(('a', 'A', 'b', 'B', None)):
        db.execute('INSERT INTO x(rowid, e, t, n) VALUES (?, ?, ?, ?)', (i, pair(1, i), s, s))
        db.execute('INSERT INTO y VALUES (?, ?, ?)', (i, s, s))
    for where in ("t <> 'a' COLLATE NOCASE", "n <> 'a'", "n IS NOT 'a'", "t IS NOT 'a' COLLATE NOCASE", "n <> 'a' COLLATE BINARY", "'a' <> n",
                  "n = 'a' COLLATE BINARY", "n IS 'a'", "n IN ('a')", "n BETWEEN 'a' AND 'a'", "n < 'b'", 'NOT n', '(t, n) IN (SELECT t, n FROM y)'):
        wanted = db.execute(f'SELECT id FROM y WHERE {where}').fetchall()
        for search in ('', "e MATCH '[0, 1]' AND ", "e MATCH '[0, 1]' AND k = 9 AND "):
            equal((where, sorted(db.execute(f'SELECT rowid FROM x WHERE {search}{where}'))), (where, wanted))


def long_lists_find_what_they_name(host):
    """Numbers to the last bit, texts in any encoding and with NULs inside."""
    for encoding in ('UTF-8', 'UTF-16le'):
        db = host.connect()
        db.execute(f"PRAGMA encoding = '{encoding}'")
        rng = random.Random(1)
        values = [rng.gauss(0, 1) * 10 ** rng.randint(-300, 300) for _ in range(3000)]
        values += [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, float('inf'), float('-inf'), 0.0, 0.5, 3.0]
        values += [f"w'{i}" for i in range(200)] + ['', 'a\0b', '\0', 'a\0', 'ümläut'] + [b'', b'\0x', b'a']
        db.execute('CREATE VIRTUAL TABLE x USING bert_index(e float[2], v)')
        db.execute('CREATE TABLE wanted(v)')
        db.execute('BEGIN')
        db.executemany('INSERT INTO x(e, v) VALUES (?, ?)', ((pair(1, 1), v) for v in values))
        db.executemany('INSERT INTO wanted VALUES (?)', ((v,) for v in values))
        db.execute('COMMIT')
        equal(db.execute('SELECT v FROM x WHERE v NOT IN (SELECT v FROM wanted)').fetchall(), [])
        equal(one(db, 'SELECT count(*) FROM x WHERE v IN (SELECT v FROM wanted)'), len(values))
        equal(one(db, 'SELECT count(*) FROM x WHERE v IN (SELECT v FROM wanted WHERE typeof(v) = ?)', 'text'), 205)


# ---- the model -------------------------------------------------------------------------------------------------------------

def another_model_ends_what_was_being_searched(host):
    db = connected(host)
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, model='m')")
    db.execute("CREATE TABLE q AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 600) SELECT i, 'train ' || i AS t FROM c")
    db.execute("INSERT INTO x(body) SELECT 'river ' || i FROM q")
    running = [db.execute(sql) for sql in ("SELECT * FROM bert_search_each('x', 'SELECT i, t FROM q', 1)", "SELECT rowid FROM x WHERE body MATCH 'train'")]
    for rows in running:
        rows.fetchone()
    host.load(db, 'm', 'sbert-mean-and-max')  # twice as many dimensions
    db.execute("INSERT INTO x(x) VALUES ('reembed')")
    for rows in running:
        try:
            rows.fetchall()
            raise AssertionError('rows of two models were compared')
        except sqlite3.Error as e:
            assert 'embedded by another model' in str(e), e
    equal(one(db, "SELECT count(*) FROM x WHERE body MATCH 'train'"), 600)


def a_reembed_that_is_undone_leaves_the_model_before(host):
    db = connected(host)
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, model='m')")
    db.execute("INSERT INTO x(body) VALUES ('river'), ('train')")
    search = "SELECT rowid, distance FROM x WHERE body MATCH 'train'"
    wanted = db.execute(search).fetchall()
    for undo in (('ROLLBACK',), ('ROLLBACK TO s', 'COMMIT')):
        for model in ('sbert-max', 'sbert-mean-and-max'):
            db.execute('BEGIN')
            db.execute('SAVEPOINT s')
            host.load(db, 'm', model)
            db.execute("INSERT INTO x(x) VALUES ('reembed')")
            if model == 'sbert-max':
                db.execute(search).fetchall()
            for sql in undo:
                db.execute(sql)
            host.load(db, 'm', 'sbert-mean')
            equal(db.execute(search).fetchall(), wanted)


def a_question_is_embedded_by_the_model_of_now(host):
    """Another connection embedded the rows anew; what this one remembers of its question was by the model before."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'a.db')
        db = with_two_texts(host.connect(file), host)
        for model in ('sbert-mean', 'sbert-max', 'sbert-mean-and-max'):
            other = host.connect(file)
            host.load(other, 'm', model)
            other.execute("INSERT INTO x(x) VALUES ('reembed')")
            wanted = other.execute("SELECT rowid, distance FROM x WHERE body MATCH 'train'").fetchall()
            other.close()
            host.load(db, 'm', model)
            equal(db.execute("SELECT rowid, distance FROM x WHERE body MATCH 'train'").fetchall(), wanted)
        db.close()


# ---- hands that it should not be in ----------------------------------------------------------------------------------------------

def an_index_that_is_its_own_content_is_refused(host):
    db = connected(host)
    db.execute('CREATE TABLE n(id INTEGER PRIMARY KEY, body)')
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, content='n', content_rowid='id', model='m')")
    db.execute("INSERT INTO x(rowid, body) VALUES (1, 'river')")
    db.execute('DROP TABLE n')
    db.execute('CREATE VIEW n AS SELECT rowid AS id, body FROM x')
    for sql in ('SELECT body FROM x', "SELECT body FROM x WHERE body MATCH 'train'", "SELECT rowid FROM x WHERE body = 'a'", CHECK,
                "INSERT INTO x(x) VALUES ('rebuild')", 'SELECT a.body, b.body FROM x a, x b'):
        assert 'used by what it reads or writes itself' in error_of(db, sql), sql
    db.execute('DROP VIEW n')
    db.execute('CREATE TABLE n(id INTEGER PRIMARY KEY, body)')
    db.execute("CREATE TRIGGER x_again AFTER INSERT ON x_rows BEGIN INSERT INTO x(rowid, body) VALUES (new.id + 1, 'train'); END")
    assert 'used by what it reads or writes itself' in error_of(db, "INSERT INTO x(body) VALUES ('sea')")
    db.execute('DROP TRIGGER x_again')
    db.execute("INSERT INTO n VALUES (1, 'river')")
    db.execute("INSERT INTO x(x) VALUES ('rebuild')")
    db.execute(CHECK)


def counts_that_are_wrong_are_found_before_they_do_harm(host):
    db = host.connect()
    numbered(db, 1)
    db.execute('UPDATE x_blocks SET places = ?', (b'\xff' * 128,))
    assert 'is full, but says it has room' in error_of(db, "INSERT INTO x(e) VALUES ('[1, 2]')")
    db.execute('DROP TABLE x')
    numbered(db, 1, ", search='approximate'")
    data = one(db, 'SELECT data FROM x_codes')
    for codes in (data, data[:16] + bytes(len(data) - 16)):
        db.execute('UPDATE x_codes SET data = ?', (codes,))
        db.execute('UPDATE x_blocks SET count = 5000')
        db.execute("UPDATE x_config SET value = random() WHERE key = 'stamp'")
        assert 'are damaged: x_blocks counts 5000 rows' in error_of(db, "INSERT INTO x(x) VALUES ('optimize')")


# ---- errors ----------------------------------------------------------------------------------------------------------------

def a_rebuild_in_steps_fails_by_the_code_of_what_failed(host):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'a.db')
        db = with_two_texts(host.connect(file), host)
        db.execute('PRAGMA busy_timeout = 0')
        other = host.connect(file)
        other.execute('BEGIN IMMEDIATE')
        try:
            db.execute("SELECT bert_index_rebuild('x')").fetchall()
            raise AssertionError('a locked file was written')
        except sqlite3.OperationalError as e:
            equal((e.sqlite_errorname, str(e)), ('SQLITE_BUSY', 'bert_index_rebuild: database is locked'))
        other.execute('ROLLBACK')
        other.close()
        equal(one(db, "SELECT bert_index_rebuild('x')"), 2)
        db.close()


TESTS = [(name, f) for name, f in list(globals().items())
         if getattr(f, '__module__', '') == __name__ and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('host',)
         and f.__code__.co_argcount == 1]
