"""run.py -- the models inside of bert.so, asked through SQL.

    /usr/bin/python3 tests/embedded/run.py TINY.SO [BERT.SO]

TINY.SO has tiny models inside, of random weights: embedded.test says what is asked of them. BERT.SO, if given, has the real
ones: every function answers without a name, and sensibly, and what the README begins with is true. Standard library only.
Ends with "N passed, N failed". """
import json
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'sql'))
sys.dont_write_bytecode = True
import run  # noqa: E402

MODELS = os.path.join(HERE, '..', 'golden', 'models')


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def shared(host):
    """Two connections share the models, and either may close first."""
    first, second = host.connect(), host.connect()
    before = one(first, "SELECT bert_embed('hello')")
    assert one(second, "SELECT bert_embed('hello')") == before
    first.close()
    assert one(second, "SELECT bert_embed('hello')") == before
    second.close()
    assert one(host.connect(), "SELECT bert_embed('hello')") == before


def saved(host):
    """What bert_save writes is the same model, with its card."""
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        db = host.connect()
        path = os.path.join(folder, 'vectors')
        name = one(db, "SELECT bert_save('bert-vectors', ?)", path)
        assert one(db, "SELECT bert_load('bert-vectors', ?)", path) == name
        assert one(db, "SELECT bert_embed('hello') = bert_embed('hello', 'bert-vectors')") == 1
        with open(os.path.join(path, 'card.json'), encoding='utf-8') as f:
            assert json.load(f)['licence'] == 'MIT'


def forked(host):
    """A child that was forked with a model open uses it."""
    db = host.connect()
    wanted = one(db, "SELECT bert_embed('hello')")
    child = os.fork()
    if child == 0:
        os._exit(0 if one(db, "SELECT bert_embed('hello')") == wanted else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---- the real ones -----------------------------------------------------------------------------------------------------

REAL = [
    ("SELECT length(bert_embed('hello world'))", 1536),
    ("SELECT bert_similarity('a cat sits on the mat', 'a kitten rests on the rug') > "
     "bert_similarity('a cat sits on the mat', 'the stock market fell today')", 1),
    ("SELECT lower(bert_classify('what a lovely film, I enjoyed every minute'))", 'positive'),
    ("SELECT lower(bert_classify('a dull and lifeless film'))", 'negative'),
    ("SELECT lower(bert_classify('A man plays the guitar.', 'A man makes music.'))", 'entailment'),
    ("SELECT label FROM bert_zero_shot('The team won the final match.', '[\"cooking\", \"sport\"]') WHERE rank = 1", 'sport'),
    ("SELECT bert_qa('Who wrote Emma?', 'Emma is a novel by Jane Austen, of 1815.')", 'Jane Austen'),
    ("SELECT word FROM bert_ner('She was born in Paris.') WHERE entity = 'LOC'", 'Paris'),
    ("SELECT 'city' IN (SELECT token FROM bert_fill_mask('Paris is the largest [MASK] of France.') LIMIT 5)", 1),
    ("SELECT bert_next_sentence('He opened the door.', 'Then he went in.') BETWEEN 0 AND 1", 1),
    ("SELECT bert_token_count('hello world')", 4),
    ("SELECT count(*) FROM bert_models WHERE source = 'embedded' AND json_valid(card)", 6),
]


def real(host):
    db = host.connect()
    before = db.execute('SELECT * FROM bert_models').fetchall()
    wrong = [f'{sql}: {found}, wanted {wanted}' for sql, wanted in REAL
             for found in [one(db, sql)] if found != wanted]
    if db.execute('SELECT * FROM bert_models').fetchall() != before:
        wrong.append('bert_models tells another thing of a model that is open')
    return '; '.join(wrong)


def shown(path):
    """(statement, what its comments say) of the first block of SQL of a text."""
    with open(path, encoding='utf-8') as f:
        block = f.read().split('```sql\n', 1)[1].split('```', 1)[0]
    found, sql = [], ''
    for line in block.splitlines():
        code, _, comment = (part.strip() for part in line.partition('-- '))
        if not code and comment:
            found[-1][1].append(comment)
        elif code and not code.startswith('.'):
            sql += code + '\n'
        if sqlite3.complete_statement(sql):
            found.append((sql, [comment] if comment else []))
            sql = ''
    return found


def readme(host):
    """The README's first screen gives what stands there; vectors are told of in words."""
    db = host.connect()
    for sql, wanted in shown(os.path.join(HERE, '..', '..', 'README.md')):
        rows = db.execute(sql).fetchall()
        found = ['|'.join(map(str, row)) for row in rows]
        if rows and not isinstance(rows[0][0], bytes) and found != wanted:
            return f'{sql.strip()} gives {found}, and README.md says {wanted}'
    return ''


def main(tiny, so=None):
    os.environ.pop('BERT_MODEL', None)
    host = run.Host(tiny, MODELS)
    passed, failed = run.File(os.path.join(HERE, 'embedded.test'), host).run()
    tests = [(shared, host), (saved, host), (forked, host)]
    tests += [(test, run.Host(so, MODELS)) for test in (real, readme) if so]
    for test, at in tests:
        try:
            wrong = test(at)
        except (AssertionError, sqlite3.Error) as e:
            wrong = f'line {e.__traceback__.tb_lineno}: {e}'
        passed, failed = passed + (not wrong), failed + bool(wrong)
        if wrong:
            print(f'tests/embedded/run.py: {test.__name__}: {wrong}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
