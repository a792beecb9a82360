"""indexes.py -- what a .test file cannot say of bert_index: random tables against brute force, files, processes. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
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
CONDITIONS = ('m = ?', 'm <> ?', 'm < ?', 'm <= ?', 'm > ?', 'm >= ?', 'm BETWEEN ? AND ?', 'm IN (?, ?, ?)', 'm LIKE ?', 'm GLOB ?',
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


TESTS = [(name, f) for name, f in list(globals().items())
         if getattr(f, '__module__', '') == __name__ and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('host',)
         and f.__code__.co_argcount == 1]
