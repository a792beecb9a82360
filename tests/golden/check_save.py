"""check_save.py -- is a model that bert_save wrote, or bert_store kept, the model that it was?

    python3 check_save.py [BERT.SO [DIRECTORY ...]]     default: ./bert.so; models/, heads/ and formats/ beside this file

Through SQL, with nothing but Python's standard library. Each model is loaded as it stands, with options, and in int8;
then saved and loaded again, and stored and read from the file by another connection:

    same      the same name@hash, which covers weights, tokenizer and options, and the same bytes of vectors
    files     model.safetensors as the format wants it: offsets without gaps, numbers aligned, the metadata that
              transformers asks for; the tensors of the original under the same names with the same bytes (f32)
    8 bits    without bert_extra.safetensors, or with one of another model, the directory opens; with a damaged one not

What transformers makes of the directories is save_reference.py's to say."""
import json
import os
import random
import sqlite3
import struct
import sys
import tempfile

from host import connect

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ('the river', 'Zürich, 1 train & a mountain', '')
POOLED = 'sbert-two-dense', 'sbert-mean-and-max'  # their Dense takes the pooling that they have
OPTIONS = (None, '{"pooling": "cls", "max_tokens": 9, "on_long": "mean"}', '{"compute": "int8"}')
EXTRA = 'bert_extra.safetensors'


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def vectors(db, name):
    return [one(db, 'SELECT bert_embed(?, ?)', text, name) for text in TEXTS]


def load(db, name, path, options=None):
    return one(db, 'SELECT bert_load(?, ?, ?)', name, path, options).split('@')[1]


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def claim(self, true, text):
        self.passed, self.failed = self.passed + bool(true), self.failed + (not true)
        if not true:
            print('FAIL', text)


# ---- files --------------------------------------------------------------------------------------------------------------

def read_safetensors(path, count):
    """name -> (dtype, shape, bytes); the format's rules are claims."""
    with open(path, 'rb') as f:
        data = f.read()
    size = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop('__metadata__', {})
    count.claim(metadata.get('format') == 'pt', f'{path}: metadata {metadata}')
    count.claim((8 + size) % 8 == 0, f'{path}: header of {size} bytes')
    at, tensors = 0, {}
    for name, t in header.items():
        begin, end = t['data_offsets']
        width = {'F32': 4, 'I8': 1, 'U8': 1}.get(t['dtype'], 0)
        n = 1
        for d in t['shape']:
            n *= d
        count.claim(begin == at and end - begin == n * width and begin % width == 0, f'{path}: {name}: {t}')
        at = end
        tensors[name] = (t['dtype'], t['shape'], data[8 + size + begin:8 + size + end])
    count.claim(8 + size + at == len(data), f'{path}: {len(data)} bytes')
    return tensors


def plain(name):
    """Without the prefix that an encoder's names may carry, and by the newer names of norms."""
    for prefix in ('bert.', 'roberta.', 'distilbert.'):
        name = name[len(prefix):] if name.startswith(prefix) else name
    return name.replace('LayerNorm.gamma', 'LayerNorm.weight').replace('LayerNorm.beta', 'LayerNorm.bias')


def same_tensors(original, saved, count):
    """Every F32 tensor of the original that the saved one has is the same; what is left out is named."""
    try:
        before = {plain(k): v for k, v in read_raw(original).items()}
    except FileNotFoundError:
        return
    after = {plain(k): v for k, v in read_raw(saved).items()}
    # An untied decoder's own bias stands under both names that it goes by.
    shared = [k for k in before if k in after and before[k][0] == 'F32' and not (
        k.endswith('predictions.bias') and k.replace('.bias', '.decoder.bias') in before)]
    count.claim(all(before[k] == after[k] for k in shared), f'{saved}: other numbers than {original}')
    left = {k for k in before if k not in after}
    known = {k for k in left if 'position_ids' in k or 'decoder' in k or k.startswith(('cls.', 'classifier'))}
    count.claim(left == known, f'{saved}: lacks {sorted(left - known)}')


def read_raw(path):
    with open(path, 'rb') as f:
        size = struct.unpack('<Q', f.read(8))[0]
        header = json.loads(f.read(size))
        header.pop('__metadata__', None)
        data = f.read()
    return {k: (t['dtype'], t['shape'], data[t['data_offsets'][0]:t['data_offsets'][1]]) for k, t in header.items()}


# ---- a GGUF without segments ----------------------------------------------------------------------------------------------

class Gguf:
    """Walks the bytes of a GGUF."""
    WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def __init__(self, data):
        self.data, self.at = data, 24

    def number(self, width):
        self.at += width
        return int.from_bytes(self.data[self.at - width:self.at], 'little')

    def text(self):
        size = self.number(8)
        self.at += size
        return self.data[self.at - size:self.at]

    def value(self, kind):
        if kind == 8:
            self.text()
        elif kind == 9:
            kind, count = self.number(4), self.number(8)
            for _ in range(count):
                self.value(kind)
        else:
            self.number(self.WIDTHS[kind])

    def tensor(self):
        name, ranks = self.text(), self.number(4)
        self.number(8 * ranks + 12)
        return name


def without_types(path, out):
    """As converters write one of a model like DistilBERT: no tensor of segments. Its numbers stay, unreferenced."""
    with open(path, 'rb') as f:
        data = f.read()
    tensors, values = struct.unpack('<QQ', data[8:24])
    g, kept = Gguf(data), []
    for _ in range(values):
        g.text()
        g.value(g.number(4))
    head = data[24:g.at]
    for _ in range(tensors):
        begin = g.at
        if g.tensor() != b'token_types.weight':
            kept.append(data[begin:g.at])
    head = data[:8] + struct.pack('<QQ', len(kept), values) + head + b''.join(kept)
    with open(out, 'wb') as f:
        f.write(head + bytes(-len(head) % 32) + data[g.at + -g.at % 32:])
    return out


# ---- one model ------------------------------------------------------------------------------------------------------------

def check_extra(so, saved, wanted, where, count):
    """An int8 model's own file: gone, of another model, damaged."""
    file = os.path.join(saved, '0_Transformer' if os.path.isdir(f'{saved}/0_Transformer') else '', EXTRA)
    with open(file, 'rb') as f:
        good = f.read()
    db = connect(so)
    chance = random.Random(len(good))
    places = [0, 9, len(good) // 2] + [len(good) - i for i in range(1, 58, 8)]
    places += [chance.randrange(len(good)) for _ in range(20)]
    damaged = [good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1:] for at in places]
    damaged += [good[:at] for at in places] + [good + b'\0', good[:8], b'', good.replace(b'I8', b'U8', 1)]
    for data in damaged:
        with open(file, 'wb') as f:
            f.write(data)
        try:
            load(db, 'x', saved)
            count.claim(False, f'{where}: {EXTRA} is damaged, and it was taken')
        except sqlite3.OperationalError as e:
            count.claim(EXTRA in str(e), f'{where}: {e}')
    os.remove(file)
    count.claim(load(db, 'x', saved) != wanted, f'{where}: the same hash without {EXTRA}')
    with open(file, 'wb') as f:
        f.write(good)
    weights = os.path.join(os.path.dirname(file), 'model.safetensors')
    with open(weights, 'r+b') as f:
        f.seek(-2, os.SEEK_END)
        f.write(b'\x01')
    count.claim(load(db, 'x', saved) != wanted, f'{where}: {EXTRA} of other weights was taken')


def check(so, path, options, count):
    where = f'{path} {options or ""}'
    with tempfile.TemporaryDirectory() as temporary:
        saved, file = os.path.join(temporary, 'saved'), os.path.join(temporary, 'x.db')
        db = connect(so, file)
        wanted = load(db, 'm', path, options)
        before = vectors(db, 'm')
        one(db, 'SELECT bert_save(?, ?)', 'm', saved)
        count.claim(one(db, 'SELECT bert_store(?)', 'm') == f'm@{wanted}', f'{where}: stored under another hash')
        db.close()
        db = connect(so, file)
        count.claim(vectors(db, f'm@{wanted}') == before, f'{where}: other vectors out of the database')
        count.claim(load(db, 'n', saved) == wanted, f'{where}: saved under another hash')
        count.claim(vectors(db, 'n') == before, f'{where}: other vectors out of the directory')
        inner = os.path.join(saved, '0_Transformer' if os.path.isdir(f'{saved}/0_Transformer') else '')
        read_safetensors(os.path.join(inner, 'model.safetensors'), count)
        if options and 'int8' in options:
            read_safetensors(os.path.join(inner, EXTRA), count)
            db.close()
            check_extra(so, saved, wanted, where, count)
        elif os.path.isdir(path):
            folder = os.path.join(path, '0_Transformer') if os.path.isdir(f'{path}/0_Transformer') else path
            same_tensors(os.path.join(folder, 'model.safetensors'), os.path.join(inner, 'model.safetensors'), count)


def is_model(path):
    return path.endswith('.gguf') and 'types' not in path or any(
        os.path.exists(os.path.join(path, f)) for f in ('config.json', '0_Transformer/config.json'))


def check_all(so, paths, count):
    for path in filter(is_model, paths):
        for options in OPTIONS:
            if options and 'pooling' in options and path.endswith(POOLED):
                continue
            try:
                check(so, path, options, count)
            except (sqlite3.Error, OSError) as e:
                count.claim(False, f'{path} {options}: {e}')


def main(so='bert.so', *paths):
    count = Count()
    with tempfile.TemporaryDirectory() as temporary:
        if not paths:
            paths = [os.path.join(HERE, d, m) for d in ('models', 'heads', 'formats')
                     for m in sorted(os.listdir(os.path.join(HERE, d)))]
            paths.append(without_types(os.path.join(HERE, 'formats/bert-f32.gguf'), f'{temporary}/no-segments.gguf'))
        check_all(so, paths, count)
    print(f'{count.passed} passed, {count.failed} failed')
    return count.failed != 0 or count.passed == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
