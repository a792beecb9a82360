"""index_stress.py -- bert_index under random work of several connections, each answer against brute force. See run.py.

Beside the index lies an ordinary table of the same rows in the same file, so that each connection compares the two within its own
snapshot, whatever the others do meanwhile. INDEX_SEEDS=500 in the environment goes on for longer, INDEX_SEED=7 begins there.

Each function takes the Host and fails by an assertion or an exception. """
import os
import random
import sqlite3
import tempfile
import threading

from connections import equal, error_of
from indexes import CHECK, KINDS, Pair, change, search, vector


def seeds(n):
    first = int(os.environ.get('INDEX_SEED', 0))
    return range(first, first + int(os.environ.get('INDEX_SEEDS', n)))


def with_seed(work, *arguments):
    """Says which seed failed, and the operations before."""
    log = []
    try:
        work(log, *arguments)
    except Exception as e:
        raise AssertionError(f'{arguments[-1]}: {e!r} after {log[-12:]}') from e


class Hand(Pair):
    """One connection to the file, and its open savepoints."""

    def __init__(self, host, file, d):
        self.db, self.d, self.host, self.file = host.connect(file), d, host, file
        self.db.execute('PRAGMA busy_timeout = 0')
        self.savepoints = []


def begin(rng, hand):
    if not hand.db.in_transaction:
        error_of(hand.db, rng.choice(('BEGIN', 'BEGIN', 'BEGIN IMMEDIATE')))


def end(rng, hand):
    if hand.db.in_transaction and error_of(hand.db, rng.choice(('COMMIT', 'COMMIT', 'ROLLBACK'))):
        hand.db.execute('ROLLBACK')
    hand.savepoints = []


def savepoint(rng, hand):
    if hand.db.in_transaction:
        name = f's{len(hand.savepoints)}'
        hand.db.execute(f'SAVEPOINT {name}')
        hand.savepoints.append(name)


def back(rng, hand):
    """To any of the savepoints, which stays, or goes with those after it."""
    if not hand.savepoints:
        return
    at = rng.randrange(len(hand.savepoints))
    if rng.random() < 0.6:
        hand.db.execute(f'ROLLBACK TO {hand.savepoints[at]}')
        hand.savepoints = hand.savepoints[:at + 1]
    else:
        hand.db.execute(f'RELEASE {hand.savepoints[at]}')
        hand.savepoints = hand.savepoints[:at]


def work(rng, hand, kinds):
    """A writer's turn; where another one has the file, all of it fails alike."""
    for _ in range(rng.randint(1, 12)):
        change(rng, hand, kinds)


def command(rng, hand):
    error = error_of(hand.db, f"INSERT INTO x(x) VALUES ('{rng.choice(('optimize', 'rebuild', 'optimize', 'integrity-check'))}')")
    assert error is None or 'locked' in error, error


def many(rng, hand, kinds):
    """One statement for many rows, which a constraint may end in its middle, undoing all of it."""
    first, n = rng.randint(1, 400), rng.randint(1, 200)
    kind = rng.choice(kinds)
    hand.db.execute('CREATE TEMP TABLE IF NOT EXISTS source(id, e)')
    hand.db.execute('DELETE FROM temp.source')
    hand.db.executemany('INSERT INTO temp.source VALUES (?, ?)', ((i, vector(rng, hand.d, kind)) for i in range(first, first + n)))
    hand.both(f'INSERT {rng.choice(("", "OR REPLACE", "OR IGNORE"))} INTO {{t}}({{id}}, e, m, i, t, p, u) '
              f'SELECT id, e, id % 3, id % 5, id % 7, id % 2, id FROM temp.source ORDER BY {rng.choice(("id", "-id"))}')


def look(rng, hand, kinds):
    begun = not hand.db.in_transaction
    if begun:
        hand.db.execute('BEGIN')
    search(rng, hand, kinds)
    if begun:
        hand.db.execute('COMMIT')


def whole(hand):
    hand.db.execute('BEGIN')
    rows = [hand.db.execute(f'SELECT {i}, e, m, i, t, p, u FROM {t} ORDER BY 1').fetchall() for t, i in (('x', 'rowid'), ('y', 'id'))]
    equal(rows[0], rows[1])
    hand.db.execute('COMMIT')


def rename(rng, hand):
    """There and back, which makes every statement anew."""
    if error_of(hand.db, 'ALTER TABLE x RENAME TO z') is None:
        hand.db.execute('ALTER TABLE z RENAME TO x')


def reopened(hand):
    hand.db.close()
    return Hand(hand.host, hand.file, hand.d)


def several_hands(log, host, seed):
    rng = random.Random(seed)
    kinds = KINDS if seed % 3 else (rng.choice(KINDS),)
    with tempfile.TemporaryDirectory() as folder:
        file, d = os.path.join(folder, 'a.db'), rng.choice((1, 2, 5, 8, 33))
        db = host.connect(file)
        db.execute(f'PRAGMA page_size = {rng.choice((512, 4096))}')
        db.execute(f'PRAGMA journal_mode = {rng.choice(("wal", "wal", "delete"))}')
        Pair(db, d, rng.choice(('', ", search='approximate'")))
        hands = [Hand(host, file, d) for _ in range(3)]
        for _ in range(60):
            i = rng.randrange(len(hands))
            hand, what = hands[i], rng.random()
            log.append((i, round(what, 2)))
            if what < 0.3: work(rng, hand, kinds)
            elif what < 0.36: many(rng, hand, kinds)
            elif what < 0.46: begin(rng, hand)
            elif what < 0.54: end(rng, hand)
            elif what < 0.6: savepoint(rng, hand)
            elif what < 0.66: back(rng, hand)
            elif what < 0.9: look(rng, hand, kinds)
            elif what < 0.94: command(rng, hand)
            elif what < 0.95: rename(rng, hand)
            elif what < 0.97: db.execute('SELECT bert_index_memory(?)', (rng.choice((0, 20000, 10**9)),)).fetchall()
            elif what < 0.98: error_of(hand.db, 'VACUUM')
            elif not hand.db.in_transaction: hands[i] = reopened(hand)
        for hand in hands:
            if hand.db.in_transaction:
                hand.db.execute('ROLLBACK')
        for hand in hands:
            whole(hand)
        db.execute(CHECK)
        for hand in hands + [Hand(host, file, d)]:
            hand.db.close()
        db.execute('SELECT bert_index_memory(1000000000)').fetchall()
        db.close()


def several_connections_agree_with_brute_force_in_their_snapshots(host):
    for seed in seeds(5):
        with_seed(several_hands, host, seed)


# ---- texts of another table ------------------------------------------------------------------------------------------------

WORDS = ('the river', 'a city', 'train', 'the old mountain', 'sea', 'x', '', None, 'a train to the sea', 'the city and the river')
MODELS = ('sbert-mean', 'sbert-max', 'sbert-mean-and-max')


def follow(rng, db):
    """Something that happens to the content."""
    i, text, category = rng.randint(1, 60), rng.choice(WORDS), rng.choice((None, 1, 2, 'a'))
    what = rng.random()
    if what < 0.4:
        sql, values = f'INSERT {rng.choice(("", "OR REPLACE", "OR IGNORE"))} INTO n VALUES (?, ?, ?)', (i, text, category)
    elif what < 0.55:
        sql, values = 'INSERT INTO n VALUES (?, ?, ?) ON CONFLICT(id) DO UPDATE SET body = excluded.body', (i, text, category)
    elif what < 0.7:
        sql, values = 'UPDATE n SET body = ? WHERE id % 7 = ?', (text, i % 7)
    elif what < 0.8:
        sql, values = f'UPDATE {rng.choice(("", "OR REPLACE", "OR IGNORE"))} n SET id = ? WHERE id = ?', (i, rng.randint(1, 60))
    elif what < 0.9:
        sql, values = 'UPDATE n SET category = ? WHERE id % 5 = ?', (category, i % 5)
    else:
        sql, values = 'DELETE FROM n WHERE id % 6 = ?', (i % 6,)
    error = error_of(db, sql, *values)
    assert error is None or 'UNIQUE' in error, (sql, values, error)


def agree(rng, db):
    text, category = rng.choice(WORDS[:6]), rng.choice((None, 1, 2, 'a'))
    condition = rng.choice(('', 'AND category IS ?2', 'AND (category = 1 OR category IS ?2)'))
    for limit in (3, 100):
        found = db.execute(f'SELECT rowid, body, category, distance FROM x WHERE body MATCH ?1 {condition} AND ?2 IS ?2 LIMIT {limit}', (text, category)).fetchall()
        wanted = db.execute('SELECT id, body, category, 1 - bert_cosine(bert_embed(body, \'m\'), bert_embed(?1, \'m\')) AS d FROM n '
                            f'WHERE body IS NOT NULL {condition} AND ?2 IS ?2 ORDER BY d, id LIMIT {limit}', (text, category)).fetchall()
        equal(found, wanted)
    equal(db.execute('SELECT rowid, body, category FROM x').fetchall(), db.execute('SELECT id, body, category FROM n ORDER BY id').fetchall())


def a_following_index(log, host, seed):
    rng = random.Random(seed)
    db, model = host.connect(), MODELS[0]
    host.load(db, 'm', model)
    db.execute('PRAGMA recursive_triggers = ON')
    db.execute('CREATE TABLE n(id INTEGER PRIMARY KEY, body, category)')
    db.execute("CREATE VIRTUAL TABLE x USING bert_index(body, category, content='n', content_rowid='id', model='m')")
    db.execute("INSERT INTO x(x) VALUES ('triggers')")
    for _ in range(12):
        log.append(('transaction', model))
        db.execute('BEGIN')
        before = model
        for _ in range(rng.randint(1, 4)):
            db.execute('SAVEPOINT s')
            kept = model
            for _ in range(rng.randint(1, 10)):
                follow(rng, db)
            what = rng.random()
            if what < 0.15:
                model = rng.choice(MODELS)
                host.load(db, 'm', model)
                db.execute("INSERT INTO x(x) VALUES ('reembed')")
            elif what < 0.3:
                db.execute(f"INSERT INTO x(x) VALUES ('{rng.choice(('optimize', 'rebuild', 'reembed'))}')")
            elif what < 0.35:
                db.execute('ALTER TABLE x RENAME TO w')
                db.execute('ALTER TABLE w RENAME TO x')
            if rng.random() < 0.4:
                agree(rng, db)
            if rng.random() < 0.3:
                db.execute('ROLLBACK TO s')
                model = kept
            db.execute('RELEASE s')
            host.load(db, 'm', model)
        if rng.random() < 0.7:
            db.execute('COMMIT')
        else:
            db.execute('ROLLBACK')
            model = before
        host.load(db, 'm', model)
        agree(rng, db)
    db.execute(CHECK)
    db.close()


def an_index_follows_its_content_through_any_transaction(host):
    for seed in seeds(6):
        with_seed(a_following_index, host, seed)


# ---- lists -----------------------------------------------------------------------------------------------------------------

def an_approximate_one(log, host, seed):
    """What it finds is there, at the distance that it says, in order; nearly all of the nearest; all where all are asked for."""
    rng = random.Random(seed)
    db, d, found, wanted = host.connect(), rng.choice((2, 8, 16)), 0, 0
    db.execute(f"CREATE VIRTUAL TABLE x USING bert_index(e float[{d}], m, p PARTITION KEY, search='approximate')")
    db.execute('CREATE TABLE y(id INTEGER PRIMARY KEY, e, m, p)')
    for _ in range(5):
        n, first = rng.randint(500, 4000), rng.randint(1, 9000)
        rows = [(first + i, vector(rng, d, rng.choice(('random', 'near', 'ties', 'zero'))), i % 10, i % 2) for i in range(n)]
        db.execute('BEGIN')
        for t, i in (('x', 'rowid'), ('y', 'id')):
            db.executemany(f'INSERT OR REPLACE INTO {t}({i}, e, m, p) VALUES (?, ?, ?, ?)', rows)
            db.execute(f'DELETE FROM {t} WHERE {i} % 11 = 3')
            db.execute(f'UPDATE {t} SET p = 1 - p WHERE {i} % 13 = 4')
        db.execute(rng.choice(('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK')))
        if rng.random() < 0.4:
            db.execute(f"INSERT INTO x(x) VALUES ('{rng.choice(('optimize', 'rebuild'))}')")
        log.append((n, first))
        for where in ('', 'AND m = 3', 'AND p = 1', 'AND m IN (1, 2, 3, 4, 5, 6) AND p = 0'):
            q = vector(rng, d, 'random')
            every = db.execute(f'SELECT id, 1 - bert_cosine(e, ?1) AS distance FROM y WHERE 1 {where} ORDER BY distance, id', (q,)).fetchall()
            equal(db.execute(f'SELECT rowid, distance FROM x WHERE e MATCH ? {where}', (q,)).fetchall(), every)
            near = db.execute(f'SELECT rowid, distance FROM x WHERE e MATCH ? {where} AND k = 10', (q,)).fetchall()
            equal(len(near), min(10, len(every)))
            assert near == sorted(near, key=lambda r: r[::-1]) and set(near) <= set(every), 'a row that is not there'
            found, wanted = found + len(set(near) & set(every[:10])), wanted + len(every[:10])
    db.execute(CHECK)
    db.close()
    assert found >= 0.8 * wanted, (found, wanted)


def approximate_indexes_find_what_is_there(host):
    for seed in seeds(1):
        with_seed(an_approximate_one, host, seed)


# ---- threads ---------------------------------------------------------------------------------------------------------------

def threads_agree_with_brute_force_while_one_writes(host):
    """Each of eight in its snapshots; what is remembered is too little for all of it, so that it comes and goes."""
    rounds = int(os.environ.get('INDEX_SEEDS', 15))
    with tempfile.TemporaryDirectory() as folder:
        file, wrong, running = os.path.join(folder, 'a.db'), [], [True]
        db = host.connect(file)
        db.execute('PRAGMA journal_mode = wal')
        db.execute('SELECT bert_index_memory(200000)').fetchall()
        pair, rng = Pair(db, 8), random.Random(3)

        def read(seed):
            own, hand = random.Random(seed), Hand(host, file, 8)
            try:
                while running and not wrong:
                    look(own, hand, KINDS)
            except (AssertionError, sqlite3.Error) as e:
                wrong.append(repr(e))
            hand.db.close()

        threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for _ in range(rounds):
            db.execute('BEGIN')
            for _ in range(20):
                change(rng, pair, KINDS)
            many(rng, pair, KINDS)
            db.execute(rng.choice(('COMMIT', 'COMMIT', 'ROLLBACK')))
            if rng.random() < 0.2:
                db.execute("INSERT INTO x(x) VALUES ('optimize')")
        running.clear()
        for t in threads:
            t.join()
        equal(wrong, [])
        db.execute(CHECK)
        db.execute('SELECT bert_index_memory(1000000000)').fetchall()
        db.close()


TESTS = [(name, f) for name, f in list(globals().items())
         if getattr(f, '__module__', '') == __name__ and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('host',)
         and f.__code__.co_argcount == 1]
