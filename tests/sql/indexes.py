"""indexes.py -- what a .test file cannot say of bert_index: random tables against brute force, files, processes. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
import math
import os
import random
import sqlite3
import struct
import tempfile
import threading

from connections import connected, equal, error_of, one


def vector(rng, d, kind):
    """Random, of few values (many ties), near others, tiny, huge, or zeros."""
    if kind == 'ties':
        v = [rng.choice((-1, 0, 1)) for _ in range(d)]
    elif kind == 'tiny':
        v = [rng.gauss(0, 1) * 1e-30 for _ in range(d)]
    elif kind == 'huge':
        v = [rng.gauss(0, 1) * 1e25 for _ in range(d)]
    elif kind == 'near':
        v = [1 + rng.gauss(0, 1) * 1e-4 for _ in range(d)]
    elif kind == 'zero':
        v = [0] * d
    else:
        v = [rng.gauss(0, 1) for _ in range(d)]
    return struct.pack(f'<{d}f', *v)


KINDS = ('random', 'ties', 'tiny', 'huge', 'near', 'zero')
VALUES = (None, 0, 1, 2, -7, 1.5, 'a', 'B', 'b', 'abc', b'a', '', 10**15)
CONDITIONS = ('m = ?', 'm <> ?', 'm < ?', 'm <= ?', 'm > ?', 'm >= ?', 'm BETWEEN ? AND ?', 'm IN (?, ?, ?)', 'm LIKE ?', 'm GLOB ?', 't LIKE ?', 'u LIKE ?', 'p LIKE ?',
              'm IS NULL', 'm IS NOT NULL', 'm IS ?', 'm IS NOT ?', 'm NOT IN (?, ?)', 'i = ?', 'i > ?', 'i IN (?, ?)', 't = ?', 't < ?',
              'p = ?', 'p IN (?, ?)', 'p IS NULL', 'p > ?', 'u = ?', 'rowid IN (?, ?, ?)', 'rowid > ?', 'rowid = ?', 'm = ? COLLATE NOCASE',
              't = ? COLLATE NOCASE', 'length(m) = ?', '(m = ? OR i = ?)')


class Pair:
    """An index, and an ordinary table of the same rows that brute force searches."""

    def __init__(self, db, d, options=''):
        self.db, self.d = db, d
        db.execute(f'CREATE VIRTUAL TABLE x USING bert_index(e float[{d}], m, i INTEGER, t TEXT, p PARTITION KEY, +u{options})')
        db.execute('CREATE TABLE y(id INTEGER PRIMARY KEY, e BLOB, m, i INTEGER, t TEXT, p, u)')

    def both(self, sql, *values):
        found = [error_of(self.db, sql.format(t=t, id=i), *values) is None for t, i in (('x', 'rowid'), ('y', 'id'))]
        equal(found[0], found[1])

    def compare(self, where, values, query, tail, order):
        """The nearest of the index, against the same by brute force."""
        x = f'SELECT rowid, distance FROM x WHERE e MATCH ?1 {where} {tail}'
        y = (f'SELECT id, 1 - bert_cosine(e, ?1) AS distance FROM y WHERE e IS NOT NULL {where.replace("rowid", "id")} '
             f'ORDER BY distance, id {order}')
        equal((where, values, tail, self.db.execute(x, (query, *values)).fetchall()),
              (where, values, tail, self.db.execute(y, (query, *values)).fetchall()))


def random_condition(rng):
    parts, values = [], []
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        c = rng.choice(CONDITIONS)
        for _ in range(c.count('?')):
            values.append(rng.choice(('a%', '%b%', 'A')) if 'LIKE' in c else rng.choice(('a*', '?')) if 'GLOB' in c
                          else rng.randint(-2, 60) if 'rowid' in c else rng.choice(VALUES))
        parts.append(c)
    where = ''.join(' AND ' + p for p in parts)
    for i in range(len(values)):
        where = where.replace('?', f'\x00{i + 2}', 1)
    return where.replace('\x00', '?'), values


def change(rng, pair, kinds):
    d, v = pair.d, VALUES
    row = (rng.randint(1, 300), vector(rng, d, rng.choice(kinds)) if rng.random() < 0.95 else None, rng.choice(v),
           rng.choice((None, 1, 2, 3, '5', 2.5)), rng.choice(v), rng.choice(('p', 'q', None, 1)), rng.choice(v))
    what = rng.random()
    if what < 0.5:
        pair.both(f'INSERT {rng.choice(("", "OR REPLACE", "OR IGNORE"))} INTO {{t}}({{id}}, e, m, i, t, p, u) VALUES(?,?,?,?,?,?,?)', *row)
    elif what < 0.6:
        pair.both('DELETE FROM {t} WHERE {id} % 7 = ?', rng.randint(0, 6))
    elif what < 0.7:
        pair.both('UPDATE {t} SET e = ? WHERE {id} = ?', row[1], row[0])
    elif what < 0.8:
        pair.both('UPDATE {t} SET m = ?, u = ? WHERE {id} % 5 = ?', row[2], row[6], rng.randint(0, 4))
    elif what < 0.9:
        pair.both('UPDATE {t} SET p = ? WHERE {id} % 9 = ?', row[5], rng.randint(0, 8))
    else:
        pair.both(f'UPDATE {rng.choice(("", "OR REPLACE", "OR IGNORE"))} {{t}} SET {{id}} = ? WHERE {{id}} = ?', row[0], rng.randint(1, 300))


def transaction(rng, pair, kinds):
    """Some changes, some of them undone."""
    db = pair.db
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 20)):
            change(rng, pair, kinds)
        return
    db.execute('BEGIN')
    for _ in range(rng.randint(1, 4)):
        db.execute('SAVEPOINT s')
        for _ in range(rng.randint(1, 30)):
            change(rng, pair, kinds)
        if rng.random() < 0.3:
            pair.compare('', (), vector(rng, pair.d, 'random'), 'LIMIT 5', 'LIMIT 5')
        if rng.random() < 0.3:
            db.execute('ROLLBACK TO s')
        db.execute('RELEASE s')
    db.execute(rng.choice(('COMMIT', 'COMMIT', 'ROLLBACK')))


def search(rng, pair, kinds):
    where, values = random_condition(rng)
    query = vector(rng, pair.d, rng.choice(kinds))
    k = rng.choice((0, 1, 3, 10, 100, 5000))
    if 'length' in where or ' OR ' in where or 'NOT IN' in where or rng.random() < 0.5:  # what SQLite judges itself comes after k
        tail = rng.choice((f'LIMIT {k}', f'ORDER BY distance, rowid LIMIT {k}', f'ORDER BY distance LIMIT {k} OFFSET 2'))
        pair.compare(where, values, query, tail, tail[tail.index('LIMIT'):])
    else:
        pair.compare(where, values, query, f'AND k = {k}', f'LIMIT {k}')
    least, most = sorted((rng.random() * 2, rng.random() * 2))
    pair.compare(where + f' AND distance {rng.choice(("<", "<="))} {most} AND distance {rng.choice((">", ">="))} {least}', values, query, '', '')
    scans = [pair.db.execute(f'SELECT {i}, e, m, i, t, p, u FROM {t} WHERE ?1 IS NOT NULL {where.replace("rowid", i)} ORDER BY {i}',
                             (query, *values)).fetchall() for t, i in (('x', 'rowid'), ('y', 'id'))]
    equal((where, values, scans[0]), (where, values, scans[1]))


def random_tables_agree_with_brute_force(host):
    for seed in range(int(os.environ.get('INDEX_SEEDS', 12))):
        rng = random.Random(seed)
        kinds = KINDS if seed % 3 else (KINDS[seed // 3 % len(KINDS)],)
        pair = Pair(host.connect(), rng.choice((1, 3, 8, 16, 100)))
        for _ in range(12):
            transaction(rng, pair, kinds)
            for _ in range(4):
                search(rng, pair, kinds)
            if rng.random() < 0.2:
                pair.db.execute("INSERT INTO x(x) VALUES ('optimize')")
        pair.db.execute("INSERT INTO x(x) VALUES ('integrity-check')")
        rows = [pair.db.execute(f'SELECT {i}, e, m, i, t, p, u FROM {t} ORDER BY 1').fetchall() for t, i in (('x', 'rowid'), ('y', 'id'))]
        equal(rows[0], rows[1])


# ---- damage --------------------------------------------------------------------------------------------------------------

def small_index(db, n=60):
    rng = random.Random(5)
    db.execute('CREATE VIRTUAL TABLE x USING bert_index(e float[4], m, p PARTITION KEY)')
    db.execute('BEGIN')
    for i in range(1, n + 1):
        db.execute('INSERT INTO x(rowid, e, m, p) VALUES (?, ?, ?, ?)', (i, vector(rng, 4, 'random'), i % 5, i % 2))
    db.execute('COMMIT')


def questions(db):
    """What an index answers, or its errors."""
    out = []
    for sql in ("SELECT rowid, distance FROM x WHERE e MATCH '[1, 2, 3, 4]' AND k = 100",
                "SELECT rowid FROM x WHERE e MATCH '[4, 3, 2, 1]' AND m = 3", 'SELECT rowid, e, m, p FROM x'):
        try:
            out.append(db.execute(sql).fetchall())
        except sqlite3.DatabaseError as e:
            out.append(str(e))
    return out


def renew_stamps(db):
    """What has changed behind the index's back is read again."""
    db.execute("UPDATE x_config SET value = random() WHERE key = 'stamp'")
    db.execute('UPDATE x_blocks SET stamp = random()')


def damaged(data, rng):
    """Ways of damaging a BLOB: bits flipped, cut, lengthened, another type."""
    for _ in range(12):
        at = rng.randrange(len(data) * 8)
        yield data[:at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1:]
    for cut in (0, 1, 7, len(data) // 2, len(data) - 1):
        yield data[:cut]
    yield data + b'x'
    yield 'text'


WRITES = ("UPDATE x SET e = '[1, 1, 1, 1]' WHERE rowid < 20", 'DELETE FROM x WHERE rowid % 3 = 0', "INSERT INTO x(x) VALUES ('optimize')")


def try_to_write(db):
    """Nothing of it may crash."""
    for sql in WRITES:
        db.execute('BEGIN')
        error_of(db, sql)
        if db.in_transaction:
            db.execute('ROLLBACK')


CHECK = "INSERT INTO x(x) VALUES ('integrity-check')"


def damaged_bytes_are_found(host):
    """Every BLOB of the shadow tables: an error or the right answer, and integrity-check finds it."""
    db = host.connect()
    small_index(db)
    rng = random.Random(1)
    for table, key, column in (('x_codes', 'block', 'data'), ('x_vectors', 'part', 'data'), ('x_blocks', 'block', 'places')):
        for k, data in db.execute(f'SELECT {key}, {column} FROM {table}').fetchall():
            for wrong in damaged(data, rng):
                db.execute(f'UPDATE {table} SET {column} = ? WHERE {key} = ?', (wrong, k))
                renew_stamps(db)
                questions(db)
                assert error_of(db, CHECK), f'{table} {k}: integrity-check finds nothing in {wrong!r}, was {data!r}'
                try_to_write(db)
            db.execute(f'UPDATE {table} SET {column} = ? WHERE {key} = ?', (data, k))
            equal(error_of(db, CHECK), None)


def damaged_numbers_are_found(host):
    db = host.connect()
    small_index(db)
    right = questions(db)
    for table, column in (('x_rows', 'slot'), ('x_rows', 'id'), ('x_rows', '"partition"'), ('x_blocks', 'count'), ('x_blocks', 'block'),
                          ('x_codes', 'block'), ('x_vectors', 'part')):
        for value in (-1, 0, 7777777, 2**62):
            db.execute('BEGIN')
            db.execute(f'UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT max(rowid) FROM {table})')
            renew_stamps(db)
            questions(db)
            assert error_of(db, CHECK), f'{table}.{column} = {value}: integrity-check finds nothing'
            for sql in WRITES:
                error_of(db, sql)
            if db.in_transaction:
                db.execute('ROLLBACK')
    renew_stamps(db)
    equal(questions(db), right)


def random_arguments_are_refused_or_taken(host):
    rng = random.Random(3)
    pieces = ('body', 'c', 'float[4]', 'float', '[', ']', '4', 'PARTITION KEY', 'KEY', '+', '=', "''", "'body'", '"q"', 'text', 'content',
              'model', 'search', 'exact', 'TEXT', 'NOT NULL', 'é', '(1)', 'bit[8]', 'int8[0]', 'k', 'x', '`b`', '-', '%w%s%n', 'COLLATE NOCASE',
              'text=', "'body:2, c'", "'c : .5'", "'body:-1'", "'c:1e9'")
    db = connected(host)
    host.load(db, 'default', 'sbert-mean')
    made = 0
    for _ in range(1500):
        arguments = ', '.join(rng.choice(('', ' ')).join(rng.choice(pieces) for _ in range(rng.randint(1, 4))) for _ in range(rng.randint(0, 4)))
        if error_of(db, f'CREATE VIRTUAL TABLE z USING bert_index({arguments})') is None:
            made += 1
            equal(error_of(db, "INSERT INTO z(z) VALUES ('integrity-check')"), None)
            db.execute('DROP TABLE z')
    assert made > 50, made
    equal(one(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'z%'"), 0)


# ---- weighted columns ----------------------------------------------------------------------------------------------------

def unit(v):
    length = math.sqrt(sum(x * x for x in v))
    return [x / length for x in v] if length else v


def mean_by_hand(db, columns):
    """The vector of (text, weight) pairs, from bert_embed."""
    vectors = [(unit(struct.unpack('<12f', one(db, 'SELECT bert_embed(?)', text))), w) for text, w in columns if text]
    return unit([sum(v[i] * w for v, w in vectors) for i in range(12)])


def vector_of(db, table, rowid):
    """As the shadow tables have it."""
    slot = one(db, f'SELECT slot FROM {table}_rows WHERE id = ?', rowid)
    if slot is None:
        return None
    part = one(db, f'SELECT data FROM {table}_vectors WHERE part = ?', slot // 16)
    return struct.unpack_from('<12f', part, 128 + slot % 16 * 48)


def weighted_columns_have_the_mean_of_their_vectors(host):
    """Through INSERT, UPDATE, triggers, rebuild and reembed, with content of its own or another table's."""
    db = connected(host)
    host.load(db, 'default', 'sbert-mean')
    db.execute('CREATE TABLE notes(id INTEGER PRIMARY KEY, title, body, tags)')
    db.execute("CREATE VIRTUAL TABLE own USING bert_index(title, body, tags, text='title:2, body, tags:0.25')")
    db.execute("CREATE VIRTUAL TABLE others USING bert_index(title, body, tags, text='title:2, body, tags:0.25', content='notes', content_rowid='id')")
    db.execute("INSERT INTO others(others) VALUES ('triggers')")
    rng = random.Random(4)

    def text():
        return rng.choice((None, '', 'the river', 'a city', 'train', 'the old mountain and the sea', 'x'))

    def check():
        rows = db.execute('SELECT id, title, body, tags FROM notes').fetchall()
        for table in ('own', 'others'):
            equal(db.execute(f'SELECT rowid, title, body, tags FROM {table}').fetchall(), rows)
            for rowid, title, body, tags in rows:
                found = vector_of(db, table, rowid)
                if not (title or body or tags):
                    equal(found, None)
                    continue
                wanted = mean_by_hand(db, ((title, 2), (body, 1), (tags, 0.25)))
                assert max(abs(f - w) for f, w in zip(found, wanted)) < 2e-7, (title, body, tags, found, wanted)
            db.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
    for i in range(40):
        for table, key in (('own', 'rowid'), ('notes', 'id')):
            rng.seed(i)
            db.execute(f'REPLACE INTO {table}({key}, title, body, tags) VALUES (?, ?, ?, ?)', (rng.randint(1, 30), text(), text(), text()))
            db.execute(f'UPDATE {table} SET body = ? WHERE {key} % 7 = ?', (text(), rng.randint(0, 6)))
    check()
    for command in ('rebuild', 'reembed'):
        for table in ('own', 'others'):
            db.execute(f'INSERT INTO {table}({table}) VALUES (?)', (command,))
        check()
    db.execute('DROP TRIGGER others_UPDATE')
    db.execute("UPDATE notes SET title = body, body = title WHERE title <> body")  # the same texts, in other columns
    assert 'another than was embedded' in error_of(db, "INSERT INTO others(others) VALUES ('integrity-check')")
    db.execute("INSERT INTO others(others) VALUES ('reembed')")
    db.execute("UPDATE own SET title = body, body = title WHERE title <> body")
    check()
    query = one(db, "SELECT bert_embed('the river')")
    equal(db.execute("SELECT rowid, distance FROM own WHERE title MATCH 'the river'").fetchall(),
          db.execute('SELECT rowid, distance FROM own WHERE own MATCH ?', (query,)).fetchall())


# ---- files, settings, threads -------------------------------------------------------------------------------------------------

def other_connections_see_what_is_committed(host):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'a.db')
        db = host.connect(file)
        db.execute('PRAGMA journal_mode = wal')
        small_index(db)
        right = questions(db)
        other = host.connect(file)
        other.execute('BEGIN')
        equal(questions(other), right)
        db.execute('DELETE FROM x WHERE rowid > 5')
        equal(questions(other), right)  # its snapshot
        other.execute('COMMIT')
        equal(questions(other), questions(db))
        equal(len(questions(other)[2]), 5)
        db.execute('BEGIN')
        db.execute('DELETE FROM x')
        equal(len(questions(db)[2]), 0)
        equal(len(questions(other)[2]), 5)
        db.execute('ROLLBACK')
        equal(questions(other), questions(db))
        db.execute('VACUUM')
        equal(questions(other), questions(db))


def files_may_be_attached_or_read_only(host):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'a.db')
        db = host.connect(file)
        small_index(db)
        db.close()
        attached = host.connect()
        attached.execute(f"ATTACH '{file}' AS f")
        equal(one(attached, "SELECT count(*) FROM f.x WHERE e MATCH '[1, 2, 3, 4]'"), 60)
        attached.execute('CREATE VIRTUAL TABLE f.y USING bert_index(e float[2], m)')
        attached.execute("INSERT INTO f.y(e) VALUES ('[1, 2]')")
        equal(attached.execute("SELECT key, rowid FROM bert_search_each('f.y', 'SELECT 9, ''[1, 1]'' ', 1)").fetchall(), [(9, 1)])
        attached.close()
        db = sqlite3.connect(f'file:{file}?mode=ro', uri=True)
        db.enable_load_extension(True)
        db.load_extension(host.so)
        equal(len(questions(db)[2]), 60)
        assert 'readonly' in error_of(db, 'DELETE FROM x')
        db.close()


def a_distrusted_schema_may_use_it(host):
    db = host.connect()
    db.execute('PRAGMA trusted_schema = OFF')
    db.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, e)')
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(e float[4], content='t', content_rowid='id')")
    db.execute("INSERT INTO x(x) VALUES ('triggers')")
    db.execute("INSERT INTO t(e) VALUES ('[1, 2, 3, 4]')")
    db.execute('CREATE VIEW w AS SELECT rowid, e FROM x')
    equal(one(db, "SELECT count(*) FROM w WHERE rowid = 1"), 1)


def readers_see_whole_states(host):
    """Eight threads read while one writes: the rows of a search are those of one commit."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'a.db')
        db = host.connect(file)
        db.execute('PRAGMA journal_mode = wal')
        small_index(db, 200)
        db.execute('UPDATE x SET m = 0')
        wrong, running = [], [True]

        def read():
            mine = host.connect(file)
            try:
                while running and not wrong:
                    found = mine.execute("SELECT count(*), min(m), max(m) FROM x WHERE e MATCH '[1, 2, 3, 4]' AND k = 1000").fetchone()
                    if found[0] != 200 or found[1] != found[2]:
                        wrong.append(found)
            except sqlite3.Error as e:
                wrong.append(str(e))
            mine.close()

        threads = [threading.Thread(target=read) for _ in range(8)]
        for t in threads:
            t.start()
        rng = random.Random(9)
        for i in range(25):
            db.execute('BEGIN')
            db.execute('UPDATE x SET m = ?', (i,))
            db.execute('UPDATE x SET e = ? WHERE rowid = ?', (vector(rng, 4, 'random'), rng.randint(1, 200)))
            db.execute('COMMIT')
        running.clear()
        for t in threads:
            t.join()
        equal(wrong, [])
        db.execute(CHECK)


def an_approximate_index_keeps_its_promises(host):
    """Most of the nearest; with a filter that leaves few rows, all; through deleting, updating and optimizing."""
    db = host.connect()
    rng = random.Random(2)
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(e float[8], m, search='approximate')")
    db.execute('BEGIN')
    for i in range(1, 6001):
        db.execute('INSERT INTO x(rowid, e, m) VALUES (?, ?, ?)', (i, vector(rng, 8, 'random'), i % 100))
    db.execute('COMMIT')
    assert one(db, 'SELECT count(DISTINCT list) FROM x_blocks') > 50
    found = wanted = 0
    for _ in range(20):
        q = vector(rng, 8, 'random')
        near = {r for r, in db.execute('SELECT rowid FROM x WHERE e MATCH ? AND k = 10', (q,))}
        true = {r for r, in db.execute('SELECT rowid FROM x ORDER BY 1 - bert_cosine(e, ?) LIMIT 10', (q,))}
        found, wanted = found + len(near & true), wanted + 10
        equal(db.execute('SELECT rowid FROM x WHERE e MATCH ? AND m = 7 AND k = 20', (q,)).fetchall(),
              db.execute('SELECT rowid FROM x WHERE m = 7 ORDER BY 1 - bert_cosine(e, ?), rowid LIMIT 20', (q,)).fetchall())
    assert found >= 0.9 * wanted, (found, wanted)
    db.execute('DELETE FROM x WHERE rowid % 2')
    db.execute('UPDATE x SET e = ? WHERE rowid = 2', (vector(rng, 8, 'zero'),))
    db.execute("INSERT INTO x(x) VALUES ('optimize')")
    db.execute(CHECK)
    equal(one(db, 'SELECT count(*) FROM x WHERE e MATCH ?', vector(rng, 8, 'random')), 3000)


def an_approximate_index_looks_as_far_as_its_rows_need(host):
    """Where the nearest of any row may be in any list, as in noise, it looks into nearly all; also with k = 1, and into a
    table that was dealt when nothing was measured."""
    db = host.connect()
    rng = random.Random(3)
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(e float[48], search='approximate')")
    with db:
        db.executemany('INSERT INTO x(e) VALUES (?)', ((vector(rng, 48, 'random'),) for _ in range(4200)))
    assert one(db, 'SELECT count(DISTINCT list) FROM x_blocks') > 50
    assert 0.1e6 < one(db, "SELECT value FROM x_config WHERE key = 'reach'") < 1e6
    queries = [vector(rng, 48, 'random') for _ in range(40)]

    def found(k):
        n = 0
        for q in queries:
            near = {r for r, in db.execute('SELECT rowid FROM x WHERE e MATCH ? AND k = ?', (q, k))}
            n += len(near & {r for r, in db.execute('SELECT rowid FROM x WHERE e MATCH ? AND distance < 9 LIMIT ?', (q, k))})
        return n

    assert found(10) >= 390, found(10)
    assert found(1) >= 37, found(1)
    db.execute("DELETE FROM x_config WHERE key = 'reach'")
    db.execute('INSERT INTO x(e) VALUES (?)', (vector(rng, 48, 'random'),))
    assert found(10) >= 370, found(10)


TESTS = [(name, f) for name, f in list(globals().items())
         if getattr(f, '__module__', '') == __name__ and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('host',)
         and f.__code__.co_argcount == 1]
