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


def masked_words(texts):
    """(text with one word masked, the word): three of each paragraph that a window holds."""
    for i, text in enumerate(texts):
        parts = text.split(' ')
        for at in sorted({(i * 7919 + turn * len(parts) // 3) % len(parts) for turn in range(3)}):
            if len(parts) <= 120 and parts[at].isalpha():
                yield ' '.join(parts[:at] + ['[MASK]'] + parts[at + 1:]), parts[at].lower()


def paragraph_pairs(docs):
    """(a, b, whether b follows a): every second paragraph with one of another document."""
    docs = [doc for doc in docs if len(doc) > 1]
    for j, doc in enumerate(docs):
        other = docs[(j + 1) % len(docs)]
        for i, a in enumerate(doc[:-1]):
            yield (a, doc[i + 1], True) if i % 2 else (a, other[i * 7 % len(other)], False)


def words(db, data):
    """The masked word among the five best, of words that the vocabulary has whole; whether a paragraph follows another."""
    docs = list(held.prose(data))
    texts = [p for doc in docs for p in doc]
    judged = [(text, word) for text, word in masked_words(texts)
              if db.execute('SELECT bert_token_count(?)', (word,)).fetchone()[0] == 3]
    right = sum((word,) in db.execute('SELECT token FROM bert_fill_mask(?) LIMIT 5', (text,)).fetchall()
                for text, word in judged)
    pairs = list(paragraph_pairs(docs))
    nsp = sum((db.execute('SELECT bert_next_sentence(?, ?)', (a, b)).fetchone()[0] > 0.5) == follows
              for a, b, follows in pairs)
    return {'words_top_5': round(100 * right / len(judged), 2), 'words_judged': len(judged),
            'next_sentence_accuracy': round(100 * nsp / len(pairs), 2), 'pairs_judged': len(pairs),
            **evaluate(db, 'mlm', 'text', [(t,) for t in texts])}


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
