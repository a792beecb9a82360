"""reference.py -- how near are our vectors to sentence-transformers' on a real model and real text?

    python reference.py BERT.SO MODEL_DIRECTORY TEXTS.json [LIMIT]

TEXTS.json is a list of strings, or an object of such lists (each is measured apart). Run by hand, as the model is not
ours to commit, where sentence-transformers is installed, and apsw or a sqlite3 module that loads extensions. Prints for
each list the least and the mean cosine, the largest difference of a number, and the worst text; exits 1 where the least
cosine is below 0.999999. Ours goes through bert_embed_each; every 20th text through bert_embed as well, which must give
equal bytes."""

import json
import os
import sys

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

COSINE = 0.999999


def open_database(so):
    """apsw's connection where it is installed, since few builds of Python let sqlite3 load extensions."""
    try:
        import apsw

        db = apsw.Connection(':memory:')
        db.enable_load_extension(True)
        db.load_extension(os.path.abspath(so))
    except ImportError:
        import sqlite3

        db = sqlite3.connect(':memory:', isolation_level=None)
        db.enable_load_extension(True)
        db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    return db


def ours(db, texts):
    db.execute('CREATE TEMP TABLE texts(id INTEGER PRIMARY KEY, body)')
    db.executemany('INSERT INTO texts VALUES(?, ?)', list(enumerate(texts)))
    rows = db.execute("SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM temp.texts', 'm')").fetchall()
    db.execute('DROP TABLE temp.texts')
    found = dict(rows)
    for i in range(0, len(texts), 20):
        assert (
            db.execute("SELECT bert_embed(?, 'm')", (texts[i],)).fetchone()[0] == found[i]
        ), f'bytes differ: {texts[i]!r}'
    return np.stack([np.frombuffer(found[i], '<f4') for i in range(len(texts))])


def main(so, directory, file, limit=None):
    with open(file, encoding='utf-8') as f:
        work = json.load(f)
    if isinstance(work, list):
        work = {os.path.basename(file): work}
    db = open_database(so)
    db.execute("SELECT bert_load('m', ?)", (directory,)).fetchall()
    st = SentenceTransformer(directory, device='cpu', model_kwargs={'dtype': torch.float32})
    good = True
    for name, texts in work.items():
        texts = texts[: int(limit)] if limit else texts
        found, wanted = ours(db, texts).astype(np.float64), st.encode(texts, show_progress_bar=False).astype(np.float64)
        cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
        worst = int(cosine.argmin())
        print(
            f'{name}: {len(texts)} texts, cosine min {cosine.min():.9f} mean {cosine.mean():.9f}, '
            f'largest difference {np.abs(found - wanted).max():.2g}; worst: {texts[worst][:80]!r}',
            flush=True,
        )
        good &= bool(cosine.min() >= COSINE)
    return not good


if __name__ == '__main__':
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
