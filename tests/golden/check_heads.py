"""check_heads.py -- do the SQL functions of the heads answer what transformers answers?

    python3 check_heads.py [BERT.SO [MODELS ...]]     default: ./bert.so and heads/ beside this file

Through SQL, with nothing but Python's standard library, as check.py; heads.py asks the engine itself, and more of it.
Each directory under MODELS whose expected.json has answers of heads is loaded. A row is either one of make_heads.py
({"task": ...}) or the plain output of a model: {"text", "pair", "ids", "offsets"} and logits, out of which this file
makes what the function should answer: labels, a probability, words, the best span, the first words for each mask.

Scores within 1e-4; labels, words, spans and tokens equal. Last line: "N passed, N failed"."""

import json
import math
import os
import sqlite3
import sys

from host import connect

HERE = os.path.dirname(os.path.abspath(__file__))
NEAR = 1e-4
N_BEST, ANSWER_TOKENS, QUESTION_TOKENS = 20, 30, 64


def near(found, wanted, what, tolerance=NEAR):
    assert len(found) == len(wanted), f'{what}: found {len(found)} numbers, wanted {len(wanted)}'
    worst = max((abs(x - y) for x, y in zip(found, wanted)), default=0)
    assert worst <= tolerance, f'{what} differs by {worst:.3g}: {found!r:.200}, wanted {wanted!r:.200}'


def equal(found, wanted, what):
    assert found == wanted, f'{what}: found {found!r:.300}, wanted {wanted!r:.300}'


def softmax(x):
    powers = [math.exp(v - max(x)) for v in x]
    return [p / sum(powers) for p in powers]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class Model:
    """A model directory, loaded as m."""

    def __init__(self, db, directory):
        self.db, self.directory = db, directory
        with open(os.path.join(directory, 'config.json'), encoding='utf-8') as f:
            self.config = json.load(f)
        db.execute("SELECT bert_load('m', ?)", (directory,)).fetchall()
        self.labels = json.loads(self.one("SELECT labels FROM bert_models WHERE name = 'm'") or 'null')

    def rows(self, sql, *values):
        return self.db.execute(sql, values).fetchall()

    def one(self, sql, *values):
        return self.db.execute(sql, values).fetchone()[0]

    def head(self):
        return self.config['architectures'][0].split('For')[-1]


# ---- rows of make_heads.py ------------------------------------------------------------------------------------------


def classify(m, r):
    found = m.rows("SELECT label, score, rank FROM bert_classes(?, ?, 'm')", r['a'], r['b'])
    scores = {label: score for label, score, _ in found}
    near([scores[label] for label in m.labels], r['scores'], 'scores')
    equal([rank for _, _, rank in found], list(range(1, len(found) + 1)), 'ranks')
    equal(sorted(scores.values(), reverse=True), [score for _, score, _ in found], 'order')
    label = m.one("SELECT bert_classify(?, ?, 'm')", r['a'], r['b'])
    if len(m.labels) > 1:
        equal(label, found[0][0], 'label')
    elif 'activation_fn' not in m.config.get('sentence_transformers', {}):
        near([label], r['logits'], 'number')
    each = m.rows("SELECT key, label, score FROM bert_classify_each('SELECT 7, ' || quote(?) || ', ' || quote(?), 'm')",
                  r['a'], r['b'])
    equal(each, [(7, *found[0][:2])], 'bert_classify_each')
    if 'rerank' in r:
        near([m.one("SELECT bert_rerank(?, ?, 'm')", r['a'], r['b'])], [r['rerank']], 'bert_rerank')


def zero_shot(m, r):
    found = m.rows("SELECT label, score FROM bert_zero_shot(?, ?, 'm', ?, ?)", r['text'], json.dumps(r['labels']),
                   r['template'], r['multi_label'])
    scores = dict(found)
    near([scores[label] for label in r['labels']], r['scores'], 'scores')
    equal(sorted(scores.values(), reverse=True), [score for _, score in found], 'order')


def next_sentence(m, r):
    near([m.one("SELECT bert_next_sentence(?, ?, 'm')", r['a'], r['b'])], [r['probability']], 'probability')


def fill(m, r):
    if 'error' in r:
        return
    masks = m.rows("SELECT DISTINCT position FROM bert_fill_mask(?, 'm')", r['text'])
    equal(masks[r['mask']][0], r['position'], 'position')
    found = m.rows("SELECT token, score, sequence FROM bert_fill_mask(?, 'm') WHERE position = ? AND rank <= ?",
                   r['text'], r['position'], len(r['scores']))
    near([score for _, score, _ in found], r['scores'], 'scores')
    equal(found[0][0].strip(), r['token'].strip(), 'token')
    equal(found[0][2], r['plain'] if len(masks) == 1 else r['sequence'], 'sequence')


def spans(found, wanted, text):
    """Of (label, word, score, start, end) and (label, score, start, end)."""
    equal([(x[0], x[3], x[4]) for x in found], [(x[0], x[2], x[3]) for x in wanted], 'spans')
    near([x[2] for x in found], [x[1] for x in wanted], 'scores')
    equal([x[1] for x in found], [text[x[2]:x[3]] for x in wanted], 'words')


def tag(m, r):
    spans(m.rows("SELECT label, word, score, start, \"end\" FROM bert_tags(?, 'm')", r['text']), r['tags'], r['text'])


def entities(m, r):
    found = m.rows("SELECT entity, word, score, start, \"end\" FROM bert_ner(?, 'm')", r['text'])
    spans(found, r['entities'], r['text'])


def answer(m, r):
    found = m.rows("SELECT answer, score, start, \"end\" FROM bert_answers(?, ?, 'm')", r['question'], r['passage'])
    near([x[1] for x in found], [x['score'] for x in r['answers']], 'scores')
    equal([x[0] for x in found], [r['passage'][x[2]:x[3]] for x in found], 'answers')
    best = m.one("SELECT bert_qa(?, ?, 'm')", r['question'], r['passage'])
    equal(best, r['passage'][r['best']['start']:r['best']['end']], 'bert_qa')


def attention(m, r):
    found = m.rows("SELECT weight FROM bert_attention(?, ?, 'm')", r['a'], r['b'])
    wanted = [w for layer in r['weights'] for head in layer for row in head for w in row]
    near([w for (w,) in found], wanted, 'weights', 1e-5)


# ---- what a model puts out, and what follows from it ----------------------------------------------------------------


def plain_classes(m, r):
    logits = r['logits']
    if m.config.get('problem_type') == 'regression':
        scores = logits
    elif m.config.get('problem_type') == 'multi_label_classification' or len(logits) == 1:
        scores = [sigmoid(x) for x in logits]
    else:
        scores = softmax(logits)
    row = {'a': r['text'], 'b': r['pair'], 'logits': logits, 'scores': scores}
    if len(logits) == 1 and r['pair'] is not None:
        row['rerank'] = sigmoid(logits[0])
    classify(m, row)


def plain_next(m, r):
    logits = r.get('seq_relationship_logits') or r['logits']
    next_sentence(m, {'a': r['text'], 'b': r['pair'], 'probability': softmax(logits)[0]})


def is_cut(m, r):
    """Where the output is of a part of the text, which tagging and answering read as a whole."""
    texts = [text for text in (r['text'], r['pair']) if text is not None]
    tokens = sum(m.one("SELECT bert_token_count(?, 'm')", text) - 2 for text in texts)
    return tokens > len(r['ids']) - sum(a == b for a, b in r['offsets'])


def plain_tags(m, r):
    """The first token of a word has the word's label."""
    found = m.rows("SELECT label, word, score, start, \"end\" FROM bert_tags(?, 'm')", r['text'])
    first = {}
    for (start, end), logits in zip(r['offsets'], r['logits']):
        if end > start:
            first.setdefault(start, softmax(logits))
    for label, word, score, start, end in found:
        equal(word, r['text'][start:end], 'word')
        equal(label, m.labels[first[start].index(max(first[start]))], f'label of {word!r}')
        near([score], [max(first[start])], f'score of {word!r}')
    equal(bool(found), bool(first), 'words')


def plain_answer(m, r):
    """The passage is what follows the question and the special tokens after it."""
    question = m.one("SELECT count(*) FROM bert_tokens(?, NULL, 'm')", r['text']) - 2
    assert question <= QUESTION_TOKENS, 'a question this long is cut'
    at = [i for i, (a, b) in enumerate(r['offsets']) if b > a][question:]
    starts = sorted(range(len(r['ids'])), key=lambda i: -r['start_logits'][i])[:N_BEST]
    ends = sorted(range(len(r['ids'])), key=lambda i: -r['end_logits'][i])[:N_BEST]
    best = max(((r['start_logits'][i] + r['end_logits'][j], i, j) for i in starts for j in ends
                if i in at and j in at and i <= j < i + ANSWER_TOKENS), default=None)
    found = m.one("SELECT bert_qa(?, ?, 'm')", r['text'], r['pair'])
    if best:
        equal(found, r['pair'][r['offsets'][best[1]][0]:r['offsets'][best[2]][1]], 'bert_qa')


def plain_fill(m, r):
    """Differences of logits are those of the scores' logarithms."""
    masks = [i for i, (token,) in enumerate(m.rows("SELECT token FROM bert_tokens(?, NULL, 'm')", r['text']))
             if token in ('[MASK]', '<mask>')]
    for position in masks if r['pair'] is None else []:
        found = m.rows("SELECT score FROM bert_fill_mask(?, 'm') WHERE position = ? AND rank <= 5", r['text'], position)
        logs = [math.log(score) for (score,) in found]
        logits = r['top5_logits'][position]
        near([x - logs[0] for x in logs], [x - logits[0] for x in logits], f'scores at {position}', 1e-3)


TASKS = {'classify': classify, 'zero-shot': zero_shot, 'next': next_sentence, 'fill': fill, 'tag': tag,
         'entities': entities, 'answer': answer, 'attention': attention}
PLAIN = {('SequenceClassification', 'logits'): plain_classes, ('NextSentencePrediction', 'logits'): plain_next,
         ('PreTraining', 'seq_relationship_logits'): plain_next, ('TokenClassification', 'logits'): plain_tags,
         ('QuestionAnswering', 'start_logits'): plain_answer, ('MaskedLM', 'top5_logits'): plain_fill}


def check_of(m, r):
    if 'task' in r:
        return TASKS[r['task']]
    check = next((check for (head, key), check in PLAIN.items() if head == m.head() and key in r), None)
    return None if check in (plain_tags, plain_answer) and is_cut(m, r) else check


def check_model(db, directory):
    """How many rows passed and failed."""
    with open(os.path.join(directory, 'expected.json'), encoding='utf-8') as f:
        rows = json.load(f)['rows']
    name, passed, failed = os.path.basename(directory), 0, 0
    try:
        m = Model(db, directory)
    except sqlite3.Error as e:
        print(f'{name}: {e}')
        return 0, len(rows)
    for row in rows:
        check = check_of(m, row)
        try:
            if check:
                check(m, row)
                passed += 1
        except (AssertionError, sqlite3.Error) as e:
            failed += 1
            print(f'{name}: {row!r:.100}: {e!s:.700}')
    if passed + failed == 0:
        print(f'{name}: no answers of a head, left out')
    return passed, failed


def main(so='bert.so', *roots):
    db, passed, failed = connect(so), 0, 0
    for root in roots or [os.path.join(HERE, 'heads')]:
        for name in sorted(os.listdir(root)):
            if os.path.exists(os.path.join(root, name, 'expected.json')):
                p, f = check_model(db, os.path.join(root, name))
                passed, failed = passed + p, failed + f
    print(f'{passed} passed, {failed} failed')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
