"""How good the models inside are, on what none of them learned from (held.py); the teacher beside them.

    python3 models/measure.py bert.so DATA TASK=MODEL …        MODEL: a directory, or `embedded`
    python3 models/measure.py bert.so DATA vectors=build/inside/vectors vectors=build/models/all-MiniLM-L6-v2

A line of JSON each. TASK is vectors, sentiment, inference, questions, names or words. A directory is judged as int8,
as it is inside. Needs Python's standard library, with a sqlite3 that may load extensions; a minute or two a model.
"""
import json
import os
import sqlite3
import sys

import held
import quality
import sets

DOCUMENTS = 1500  # paragraphs of unseen prose


def connect(so, model):
    db = sqlite3.connect(':memory:')
    db.enable_load_extension(True)
    db.load_extension(so)
    if model != 'embedded':
        db.execute("SELECT bert_load('default', ?, '{\"compute\":\"int8\"}')", (model,)).fetchall()
    return db


def store(db, columns, rows):
    db.execute('DROP TABLE IF EXISTS rows')
    db.execute(f'CREATE TABLE rows({columns})')
    db.executemany(f"INSERT INTO rows VALUES({', '.join('?' * len(rows[0]))})", rows)


def evaluate(db, task, columns, rows, options='{}'):
    """{metric: value}, in per cent but for a loss."""
    store(db, columns, rows)
    found = db.execute('SELECT metric, value FROM bert_evaluate(?, ?, ?)', (task, 'SELECT * FROM rows', options))
    plain = ('exact_match', 'perplexity', 'loss') + ('f1',) * (task == 'qa')
    return {metric: round(value if metric in plain else 100 * value, 2) for metric, value in found}


# ---- vectors -------------------------------------------------------------------------------------------------------


def recall(db, data, k=10):
    """Questions whose own paragraph is among the k nearest, of all paragraphs there are."""
    passages = sorted({passage for _, _, _, passage, _ in sets.squad(f'{data}/squad/v1.1-open.json')})
    place = {text: i for i, text in enumerate(passages)}
    asked = [(question, place[passage]) for question, passage, _ in held.squad(data)]
    db.execute('CREATE VIRTUAL TABLE near USING bert_index(v float[384])')
    db.executemany('INSERT INTO near(rowid, v) VALUES(?, ?)',
                   enumerate(v.tobytes() for v in quality.vectors(db, passages, 'default')))
    store(db, 'id, v', [(i, v.tobytes()) for i, v in
                        enumerate(quality.vectors(db, [question for question, _ in asked], 'default'))])
    found = set(db.execute("SELECT key, rowid FROM bert_search_each('near', 'SELECT id, v FROM rows', ?)", (k,)))
    return 100 * sum((i, passage) in found for i, (_, passage) in enumerate(asked)) / len(asked)


def cosine(db, data, teacher):
    """Mean cosine to the teacher's vectors, on paragraphs of documents that nobody learned from."""
    texts = [p for doc in held.prose(data) for p in doc][:DOCUMENTS]
    other = connect(SO, teacher)
    pairs = zip(quality.vectors(db, texts, 'default'), quality.vectors(other, texts, 'default'))
    return sum(quality.dot(v, w) for v, w in pairs) / len(texts)


def vectors(db, data):
    return {'stsb_dev_spearman': round(quality.similarity(db, data, 'default'), 2),
            'cranfield_ndcg_10': round(quality.retrieval(db, data, 'default'), 2),
            'squad_recall_10': round(recall(db, data), 2),
            'prose_cosine_to_teacher': round(cosine(db, data, TEACHER), 4)}


# ---- the heads -----------------------------------------------------------------------------------------------------


def sentiment(db, data):
    return evaluate(db, 'classify', 'text, label', held.sentiment(data))


def inference(db, data):
    return evaluate(db, 'classify', 'a, b, label', held.inference(data))


def questions(db, data):
    rows = [(question, passage, json.dumps(answers)) for question, passage, answers in held.squad(data)]
    return evaluate(db, 'qa', 'question, passage, answer', rows)


def names(db, data):
    return evaluate(db, 'tag', 'words, tags', held.names(data))


def words(db, data):
    """The chosen word among the five best, one word of each paragraph masked; whether a paragraph follows another."""
    docs = list(held.prose(data))
    texts = [p for doc in docs for p in doc][:600]
    right = total = 0
    for i, text in enumerate(texts):
        parts = text.split(' ')
        at = (i * 7919) % len(parts)
        word = parts[at].lower()
        if len(parts) > 120 or not word.isalpha():
            continue
        masked = ' '.join(parts[:at] + ['[MASK]'] + parts[at + 1:])
        best = [token for token, in db.execute('SELECT token FROM bert_fill_mask(?) LIMIT 5', (masked,))]
        one = db.execute('SELECT bert_token_count(?)', (word,)).fetchone()[0] == 3
        total += one
        right += one and word in best
    pairs = [(a, doc[i + 1] if j % 2 else docs[(j * 31 + 17) % len(docs)][0], str(j % 2))
             for j, doc in enumerate(docs) for i, a in enumerate(doc[:-1]) if i < 8]
    nsp = sum((db.execute('SELECT bert_next_sentence(?, ?)', (a, b)).fetchone()[0] > 0.5) == (y == '1')
              for a, b, y in pairs)
    mlm = evaluate(db, 'mlm', 'text', [(t,) for t in texts])
    return {'words_top_5': round(100 * right / total, 2), 'words_judged': total,
            'next_sentence_accuracy': round(100 * nsp / len(pairs), 2), 'pairs_judged': len(pairs), **mlm}


TASKS = {'vectors': vectors, 'sentiment': sentiment, 'inference': inference, 'questions': questions, 'names': names,
         'words': words}
TEACHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../build/models/all-MiniLM-L6-v2')


def main():
    global SO
    SO, data = os.path.abspath(sys.argv[1]), sys.argv[2]
    for task, model in (argument.split('=') for argument in sys.argv[3:]):
        print(json.dumps({'task': task, 'model': model, **TASKS[task](connect(SO, model), data)}), flush=True)


if __name__ == '__main__':
    main()
