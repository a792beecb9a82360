"""save_reference.py -- do transformers and sentence-transformers make of a saved model what they made of the original?

    python3 save_reference.py BERT.SO DIRECTORY ...

Run by hand, with a Python that has transformers, sentence-transformers and apsw; no part of make test, which has none.
Each model is loaded into SQLite and saved; then the original and the saved directory are opened by the class that
config.json names (and as a SentenceTransformer where there is modules.json), and asked the same texts. A .gguf file is
compared with our own vectors out of it, and int8 with ours too, since nobody else opens them. Prints the largest
difference a model; ends with "N passed, N failed": a difference past 1e-6 of f32 fails (0 is what is expected: the
numbers are the same), past 1e-4 where our vectors are the reference."""
import json
import os
import sys
import tempfile
import warnings

import apsw
import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformer

warnings.filterwarnings('ignore')
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
TEXTS = ['the river is deep', 'A train to Zürich leaves at 7:45.', 'no']


def connect(so):
    db = apsw.Connection(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    return db


def outputs(path):
    """What the class of config.json gives for the texts, every tensor of it."""
    with open(os.path.join(path, 'config.json')) as f:
        config = json.load(f)
    name = (config.get('architectures') or [None])[0]
    model = getattr(transformers, name) if name and hasattr(transformers, name) else transformers.AutoModel
    model = model.from_pretrained(path, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    found = []
    for text in TEXTS:
        given = tokenizer(text, return_tensors='pt', truncation=True,
                          max_length=model.config.max_position_embeddings - 2)
        if model.config.model_type == 'distilbert':
            given.pop('token_type_ids', None)
        with torch.no_grad():
            out = model(**given)
        found += [v.numpy() for k, v in sorted(out.items()) if isinstance(v, torch.Tensor) and k != 'loss']
    return found


def sentences(path):
    return [SentenceTransformer(path, device='cpu').encode(TEXTS)]


def difference(a, b):
    if len(a) != len(b) or any(x.shape != y.shape for x, y in zip(a, b)):
        return float('inf')
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b))


def ours(db, name):
    rows = [db.execute('SELECT bert_embed(?, ?)', (text, name)).fetchone()[0] for text in TEXTS]
    return [np.stack([np.frombuffer(row, '<f4') for row in rows])]


def check(so, path, options):
    """(what, difference, most) of each comparison."""
    db = connect(so)
    with tempfile.TemporaryDirectory() as temporary:
        saved = os.path.join(temporary, 'saved')
        db.execute('SELECT bert_load(?, ?, ?)', ('m', path, options)).fetchall()
        db.execute('SELECT bert_save(?, ?)', ('m', saved)).fetchall()
        if path.endswith('.gguf') or options:
            db.execute("SELECT bert_load('f', ?, '{\"compute\": \"f32\"}')", (saved,)).fetchall()
            yield 'sentence-transformers to ours', difference(sentences(saved), ours(db, 'f')), 1e-4
            return
        if os.path.exists(os.path.join(path, 'config.json')):
            yield 'transformers', difference(outputs(path), outputs(saved)), 1e-6
        if os.path.exists(os.path.join(path, 'modules.json')):
            yield 'sentence-transformers', difference(sentences(path), sentences(saved)), 1e-6


def main(so, *paths):
    passed = failed = 0
    for path in paths:
        encoder = os.path.exists(os.path.join(path, 'modules.json')) or 'encoder' in path or path.endswith('.gguf')
        for options in (None, '{"pooling": "max", "max_tokens": 11}', '{"compute": "int8"}'):
            if options and not encoder:
                continue
            try:
                for what, found, most in check(so, path, options):
                    ok = found <= most
                    passed, failed = passed + ok, failed + (not ok)
                    name = f'{os.path.basename(path):32} {options or "":40}'
                    print('ok  ' if ok else 'FAIL', name, f'{what:30} {found:.2g}', flush=True)
            except Exception as e:
                failed += 1
                print(f'FAIL {path} {options}: {type(e).__name__}: {str(e)[:300]}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
