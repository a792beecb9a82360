"""What 8 bits cost in quality, beside f32: similarity (STS-B), retrieval (Cranfield), and cosine to f32.

    python3 quality.py bert.so MODEL DATA [TEXTS.json]

DATA holds stsb/dev.csv (text, text, score) and cranfield/{corpus.jsonl,queries.jsonl,qrels.tsv}; TEXTS.json is an object of
lists of texts. Neither is in the repository (licences). Needs Python's standard library alone. Prints a line a measure:
f32, int8, difference; Spearman and nDCG@10 times 100.
"""
import array
import csv
import json
import math
import sqlite3
import sys


def connect(so, model):
    db = sqlite3.connect(':memory:')
    db.enable_load_extension(True)
    db.load_extension(so)
    for compute in ('f32', 'int8'):
        db.execute('SELECT bert_load(?, ?, json_object(\'compute\', ?))', (compute, model, compute)).fetchall()
    return db


def vectors(db, texts, compute):
    """The texts' vectors, normalised, in order."""
    db.execute('CREATE TEMP TABLE t(id INTEGER PRIMARY KEY, body TEXT)')
    db.executemany('INSERT INTO t VALUES(?, ?)', enumerate(texts))
    rows = db.execute("SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM t', ?)", (compute,)).fetchall()
    db.execute('DROP TABLE t')
    return [array.array('f', blob) for _, blob in sorted(rows)]


def dot(v, w):
    return math.fsum(a * b for a, b in zip(v, w))


def ranks(values):
    """Ranks from 1, ties sharing their mean."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out, i = [0.0] * len(values), 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for at in range(i, j + 1):
            out[order[at]] = (i + j) / 2 + 1
        i = j + 1
    return out


def spearman(x, y):
    x, y = ranks(x), ranks(y)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mx) * (b - my) for a, b in zip(x, y))
    return covariance / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def similarity(db, data, compute):
    with open(data + '/stsb/dev.csv', newline='', encoding='utf-8') as f:
        rows = list(csv.reader(f))
    a, b = (vectors(db, [row[i] for row in rows], compute) for i in (0, 1))
    return 100 * spearman([dot(v, w) for v, w in zip(a, b)], [float(row[2]) for row in rows])


def ndcg(ranked, grades, k=10):
    gain = sum(grades.get(d, 0) / math.log2(i + 2) for i, d in enumerate(ranked[:k]))
    best = sum(g / math.log2(i + 2) for i, g in enumerate(sorted(grades.values(), reverse=True)[:k]))
    return gain / best if best else 0.0


def retrieval(db, data, compute):
    corpus, queries = ([json.loads(line) for line in open(f'{data}/cranfield/{name}.jsonl', encoding='utf-8')]
                       for name in ('corpus', 'queries'))
    grades = {}
    for line in open(data + '/cranfield/qrels.tsv', encoding='utf-8').read().splitlines()[1:]:
        query, document, grade = line.split('\t')
        grades.setdefault(query, {})[document] = max(int(grade), 0)
    documents = vectors(db, [d['text'] for d in corpus], compute)
    asked = [q for q in queries if q['_id'] in grades]
    scores = []
    for q, v in zip(asked, vectors(db, [q['text'] for q in asked], compute)):
        near = sorted(range(len(corpus)), key=lambda i: -dot(v, documents[i]))[:10]
        scores.append(ndcg([corpus[i]['_id'] for i in near], grades[q['_id']]))
    return 100 * sum(scores) / len(scores)


def main():
    so, model, data = sys.argv[1:4]
    db = connect(so, model)
    for name, measure in (('STS-B dev Spearman', similarity), ('Cranfield nDCG@10', retrieval)):
        f32, int8 = (measure(db, data, compute) for compute in ('f32', 'int8'))
        print(f'{name:20} f32 {f32:6.2f}  int8 {int8:6.2f}  difference {int8 - f32:+.2f}', flush=True)
    if len(sys.argv) > 4:
        for name, texts in json.load(open(sys.argv[4], encoding='utf-8')).items():
            cosines = [dot(v, w) for v, w in zip(vectors(db, texts, 'f32'), vectors(db, texts, 'int8'))]
            print(f'cosine to f32, {name}: mean {sum(cosines) / len(cosines):.5f}, minimum {min(cosines):.5f}', flush=True)


if __name__ == '__main__':
    main()
