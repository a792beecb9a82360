"""check.py -- are our tokens, hidden states and vectors those of the references, and always the same?

    python3 check.py [BERT.SO [MODELS ...]]     default: ./bert.so and models/ beside this file

Through SQL, with nothing but Python's standard library (a build whose sqlite3 loads extensions, such as Debian's). Each
directory under MODELS that has an expected.json is loaded and compared with transformers and sentence-transformers:

    tokens          ids, types, offsets and the count before truncation equal
    hidden states   within 1e-4 of the reference; with wild weights within 2e-3 of the token's largest number
    embeddings      likewise, and cosine >= 0.999999
    batches         bert_embed_each gives for every text the bytes of bert_embed, in any order, on 1, 2, 3, 8 threads
    machines        the same bytes with BERT_ISA=ref, avx2, avx512 or neon (this script runs itself with each)

The last two are asked of f32 and of int8, and not of models past 64 MB, where they would take hours.

expected.json is of make_models.py (which draws it), or the plainer form with nested lists {"text", "pair", "ids",
"types", "offsets", "last_hidden_state"}. Models of other kinds than the encoder are named and left out."""

import array
import hashlib
import json
import math
import os
import platform
import random
import sqlite3
import subprocess
import sys

from host import connect

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT, WILD, COSINE = 1e-4, 2e-3, 0.999999
HEAVY = 64 << 20
THREADS = (1, 2, 3, 8)
COMPUTE = ('f32', 'int8')


def floats(blob):
    a = array.array('f')
    a.frombytes(blob)
    if sys.byteorder == 'big':
        a.byteswap()
    return a


# ---- what is expected -----------------------------------------------------------------------------------------------


class Expected:
    """expected.json and expected.bin of one directory."""

    def __init__(self, directory):
        self.directory, self.name = directory, os.path.basename(directory)
        with open(os.path.join(directory, 'expected.json'), encoding='utf-8') as f:
            told = json.load(f)
        numbers = os.path.join(directory, 'expected.bin')
        if os.path.exists(numbers):
            with open(numbers, 'rb') as f:
                self.numbers = floats(f.read())
        self.rows, self.wild = told['rows'], told.get('scale') == 'wild'
        self.dimensions = told.get('dimensions')
        config = next(
            p for p in (f'{directory}/config.json', f'{directory}/0_Transformer/config.json') if os.path.exists(p)
        )
        with open(config, encoding='utf-8') as f:
            self.kind = json.load(f).get('model_type')

    def encoder(self):
        return self.kind == 'bert' and any(
            'embedding' in r or 'hidden' in r or 'last_hidden_state' in r for r in self.rows
        )

    def heavy(self):
        return any(
            os.path.getsize(os.path.join(folder, f)) > HEAVY
            for folder, _, files in os.walk(self.directory)
            for f in files
        )

    def vector(self, at):
        first, n = at
        return self.numbers[first : first + n]

    def hidden(self, row):
        """{layer: [a vector a token]}; layer -1 is the last."""
        found = {}
        for layer, (first, tokens, width) in row.get('hidden', {}).items():
            found[int(layer)] = [self.numbers[first + i * width : first + (i + 1) * width] for i in range(tokens)]
        if 'last_hidden_state' in row:
            found[-1] = row['last_hidden_state']
        return found

    def embedding(self, row):
        if 'embedding' in row:
            return self.vector(row['embedding'])
        states = row.get('last_hidden_state')
        if states and row['pair'] is None:  # without modules.json: the mean
            return [sum(column) / len(states) for column in zip(*states)]
        return None


def expected_models(roots):
    for root in roots:
        for name in sorted(os.listdir(root)):
            directory = os.path.join(root, name)
            if os.path.exists(os.path.join(directory, 'expected.json')):
                yield Expected(directory)


# ---- what is found --------------------------------------------------------------------------------------------------


def load(db, model, name='m', **options):
    db.execute('SELECT bert_load(?, ?, ?)', (name, model.directory, json.dumps(options))).fetchall()


def embed(db, text, prompt=None, name='m'):
    return db.execute('SELECT bert_embed(?, ?, ?)', (text, name, prompt)).fetchone()[0]


def tokens(db, text, pair):
    return db.execute(
        'SELECT id, segment, start, "end" FROM bert_tokens(?, ?, ?) ORDER BY position', (text, pair, 'm')
    ).fetchall()


def token_vectors(db, text, pair, layer=None):
    where, values = ('', ()) if layer in (None, -1) else (' WHERE layer = ?', (layer,))
    return [
        r[0]
        for r in db.execute(
            f'SELECT embedding FROM bert_token_embeddings(?, ?, ?){where} ORDER BY position', (text, pair, 'm', *values)
        )
    ]


def many_texts(model):
    """The rows' texts and beginnings of them: every length, and enough for several batches."""
    found = []
    for row in model.rows:
        found += [row['text']] + [row['text'][:n] for n in (1, 9, 40, 130)]
    return list(dict.fromkeys(found))


# ---- comparing ------------------------------------------------------------------------------------------------------


class Claims:
    def __init__(self):
        self.passed = self.failed = 0

    def claim(self, holds, model, row, quantity, found, wanted):
        if holds:
            self.passed += 1
            return
        self.failed += 1
        short = [s if len(s) <= 300 else s[:300] + '...' for s in (str(found), str(wanted))]
        where = (
            '' if row is None else f', {row["text"][:40]!r}' + (f' + {row["pair"][:40]!r}' if row.get('pair') else '')
        )
        print(f'{model.name}{where}: {quantity}: found {short[0]}, wanted {short[1]}', flush=True)

    def equal(self, model, row, quantity, found, wanted):
        self.claim(found == wanted, model, row, quantity, found, wanted)

    def near(self, model, row, quantity, found, wanted):
        """Vector against vector."""
        if len(found) != len(wanted):
            return self.equal(model, row, quantity + ', length', len(found), len(wanted))
        allowed = WILD * max(map(abs, wanted)) if model.wild else UNIT
        worst = max(
            range(len(wanted)), key=lambda i: abs(found[i] - wanted[i]) if math.isfinite(found[i]) else math.inf
        )
        self.claim(
            abs(found[worst] - wanted[worst]) <= allowed,
            model,
            row,
            f'{quantity}[{worst}]',
            found[worst],
            f'{wanted[worst]} within {allowed:.2g}',
        )


def cosine(v, w):
    norms = math.sqrt(sum(x * x for x in v)) * math.sqrt(sum(x * x for x in w))
    return sum(x * y for x, y in zip(v, w)) / norms if norms else float(any(v) == any(w))


def check_row(claims, db, model, row):
    text, pair = row['text'], row['pair']
    if 'ids' in row:
        found = tokens(db, text, pair)
        claims.equal(model, row, 'ids', [t[0] for t in found], row['ids'])
        claims.equal(model, row, 'types', [t[1] for t in found], row['types'])
        claims.equal(model, row, 'offsets', [list(t[2:]) for t in found], row['offsets'])
    if 'total' in row and pair is None:
        claims.equal(
            model,
            row,
            'token count',
            db.execute('SELECT bert_token_count(?, ?)', (text, 'm')).fetchone()[0],
            row['total'],
        )
    for layer, wanted in model.hidden(row).items():
        found = token_vectors(db, text, pair, layer)
        claims.equal(model, row, f'tokens of layer {layer}', len(found), len(wanted))
        for i, (v, w) in enumerate(zip(found, wanted)):
            claims.near(model, row, f'layer {layer}, token {i}', floats(v), w)
    wanted = model.embedding(row)
    if wanted is not None:
        found = floats(embed(db, text, row.get('prompt')))
        quantity = 'embedding' if row.get('prompt') is None else f'embedding with prompt {row["prompt"]!r}'
        claims.near(model, row, quantity, found, wanted)
        claims.claim(cosine(found, wanted) >= COSINE, model, row, quantity + ', cosine', cosine(found, wanted), COSINE)


def check_batches(claims, db, model, compute):
    """Whatever the company, the order and the threads: the same bytes."""
    texts = many_texts(model)
    orders = [list(range(len(texts))), list(range(len(texts)))[::-1], list(range(len(texts)))]
    random.Random(1).shuffle(orders[2])
    prompts = list(dict.fromkeys(row.get('prompt') for row in model.rows))
    load(db, model, 'single', compute=compute)
    alone = {p: [embed(db, t, p, 'single') for t in texts] for p in prompts}
    db.execute('CREATE TEMP TABLE texts(place INTEGER PRIMARY KEY, key, body)')
    for threads in THREADS:
        load(db, model, 'threaded', threads=threads, compute=compute)
        for n, order in enumerate(orders):
            db.execute('DELETE FROM temp.texts')
            db.executemany('INSERT INTO temp.texts(key, body) VALUES(?, ?)', [(i, texts[i]) for i in order])
            for p in prompts:
                found = db.execute(
                    'SELECT key, embedding FROM bert_embed_each(?, ?, ?)',
                    ('SELECT key, body FROM temp.texts ORDER BY place', 'threaded', p),
                ).fetchall()
                what = f'bert_embed_each, {compute}, {threads} threads, order {n}, prompt {p!r}'
                claims.equal(model, None, what + ', keys', sorted(k for k, _ in found), list(range(len(texts))))
                differ = [texts[k] for k, v in found if v != alone[p][k]]
                claims.equal(model, None, what + ', texts whose bytes differ from bert_embed', differ, [])
    db.execute('DROP TABLE temp.texts')
    db.execute("SELECT bert_unload('threaded'), bert_unload('single')").fetchall()


def check_model(claims, db, model):
    try:
        load(db, model)
        if model.dimensions:
            found = len(floats(embed(db, 'x'))) if model.rows else 0
            claims.equal(model, None, 'dimensions', found, model.dimensions)
        for row in model.rows:
            check_row(claims, db, model, row)
        for compute in () if model.heavy() else COMPUTE:
            check_batches(claims, db, model, compute)
        db.execute("SELECT bert_unload('m')").fetchall()
    except sqlite3.Error as e:
        claims.equal(model, None, 'SQL', f'{type(e).__name__}: {e}', 'no error')
        db.execute('DROP TABLE IF EXISTS temp.texts')


# ---- instruction sets -----------------------------------------------------------------------------------------------


def fingerprints(so, roots):
    """{"model/text": hash of every vector made of that text}, and the instruction sets in use."""
    db, found = connect(so), {}
    for model in expected_models(roots):
        for compute in COMPUTE if model.encoder() and not model.heavy() else ():
            try:
                load(db, model, compute=compute)
                for text in many_texts(model):
                    vectors = embed(db, text) + b''.join(token_vectors(db, text, None))
                    found[f'{model.name}, {compute}/{text}'] = hashlib.sha256(vectors).hexdigest()
            except sqlite3.Error as e:
                found[model.name] = str(e)
    found['isa'] = sorted({r[0] for r in db.execute('SELECT isa FROM bert_kernels WHERE chosen')})
    return found


def check_machines(claims, so, roots):
    def run(isa):
        environment = (
            {**os.environ, 'BERT_ISA': isa} if isa else {k: v for k, v in os.environ.items() if k != 'BERT_ISA'}
        )
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), '--fingerprints', so, *roots],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        return json.loads(done.stdout) if done.returncode == 0 else {'isa': f'exit {done.returncode}'}

    class Machine:  # stands where a model's name stands
        name = 'machines'

    native = run(None)
    intel = platform.machine() in ('x86_64', 'AMD64', 'i386', 'i686')
    for isa in ('ref', 'avx2', 'avx512') if intel else ('ref', 'neon'):
        other = run(isa)
        used, default = other.pop('isa'), native['isa']
        differ = [key for key in native if key != 'isa' and native[key] != other.get(key)]
        print(f'BERT_ISA={isa}: uses {used}, the default uses {default}; {len(other)} texts compared')
        claims.equal(Machine, None, f'BERT_ISA={isa}, texts whose bytes differ', differ, [])
        claims.claim(
            used == ['ref'] if isa == 'ref' else isinstance(used, list), Machine, None, f'BERT_ISA={isa}', used, [isa]
        )


def main():
    arguments = sys.argv[1:]
    alone = arguments[:1] == ['--fingerprints']
    arguments = arguments[alone:]
    so = arguments[0] if arguments else 'bert.so'
    roots = arguments[1:] or [os.path.join(HERE, 'models')]
    if alone:
        return print(json.dumps(fingerprints(so, roots)))
    claims, db = Claims(), connect(so)
    for model in expected_models(roots):
        if model.encoder():
            check_model(claims, db, model)
        else:
            print(f'{model.name}: not an encoder, left out')
    check_machines(claims, so, roots)
    print(f'{claims.passed} passed, {claims.failed} failed')
    return claims.failed > 0


if __name__ == '__main__':
    sys.exit(main())
