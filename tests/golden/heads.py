"""heads.py -- do our heads answer what transformers answers? The expected numbers are make_heads.py's.

    python heads.py HEADS_API.SO [MODEL_DIRECTORY ...]      heads/* beside this file, if none is named

Needs nothing but Python. Probabilities and logits within 1e-4, attention weights within 1e-5; labels,
words, spans and tokens equal. Where two scores are nearer than that either order will do. Last line: "N passed, N
failed"."""

import glob
import json
import os
import sys

from engine import Engine, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
NEAR = 1e-4


def flat(x):
    return [y for part in x for y in flat(part)] if isinstance(x, (list, tuple)) else [x]


def near(found, wanted, tolerance=NEAR):
    found, wanted = flat(found), flat(wanted)
    assert len(found) == len(wanted), f'found {len(found)} numbers, wanted {len(wanted)}'
    worst = max((abs(x - y) for x, y in zip(found, wanted)), default=0)
    assert worst <= tolerance, f'differs by {worst:.3g}: {found!r:.200}, wanted {wanted!r:.200}'


def classify(m, r):
    found = m.logits([(r['a'], r['b'])])[0]
    near(found, r['logits'])
    near(m.scores(found), r['scores'])
    if 'rerank' in r:
        near(m.rerank(found[0]), r['rerank'])


def zero_shot(m, r):
    near(m.zero_shot(r['text'], r['labels'], r['template'], r['multi_label']), r['scores'])


def next_sentence(m, r):
    near(m.next(r['a'], r['b']), r['probability'])


def fill(m, r):
    if 'error' in r:
        try:
            m.fill(r['text'], r['mask'])
        except Failed as e:
            assert r['error'] in str(e), e
            return
        raise AssertionError('wanted an error')
    _, position, found = m.fill(r['text'], r['mask'])
    assert position == r['position'], position
    near([x[1] for x in found[:8]], r['scores'])
    near([dict(found)[i] for i in r['ids']], r['scores'])
    assert m.decode(r['ids'][:1]) == r['token'], (m.decode(r['ids'][:1]), r['token'])
    assert m.decode(r['filled']) == r['sequence'], (m.decode(r['filled']), r['sequence'])
    assert m.decode(r['filled'], True) == r['plain'], (m.decode(r['filled'], True), r['plain'])
    near(sum(x[1] for x in found), 1)


def spans_equal(found, wanted, text):
    equal = [(x[0],) + x[2:4] for x in found] == [(x[0], x[2], x[3]) for x in wanted]
    assert equal, f'{found!r:.300}, wanted {wanted!r:.300}'
    near([x[1] for x in found], [x[1] for x in wanted])
    for x in found:
        assert text.encode()[x[4]:x[5]].decode() == text[x[2]:x[3]], x


def tag(m, r):
    spans_equal(m.tags(r['text']), r['tags'], r['text'])


def entities(m, r):
    spans_equal(m.entities(r['text']), r['entities'], r['text'])


def answer(m, r):
    found, passage = m.answers(r['question'], r['passage']), r['passage']
    near([x[0] for x in found], [x['score'] for x in r['answers']])
    wanted = {(x['start'], x['end']): x['score'] for x in r['answers']}
    for score, start, end, a, b in found:
        assert passage.encode()[a:b].decode() == passage[start:end], (start, end)
        if score > min(wanted.values()) + NEAR:
            assert (start, end) in wanted, f'{(score, start, end)}, wanted {wanted!r:.300}'
            near(score, wanted[start, end])
    for threshold in (None, r['best']['null'] - 0.01, r['best']['null'] + 0.01):
        best = m.best(r['question'], passage, threshold)
        if threshold is not None and threshold < r['best']['null']:
            assert best is None, best
        else:
            near(best[0], r['best']['logit'])
            assert best[1:3] == (r['best']['start'], r['best']['end']), f'{best}, wanted {r["best"]}'


def attention(m, r):
    near(m.attentions(r['a'], r['b'])[1], r['weights'], 1e-5)
    last = m.info.layers - 1
    near(m.attentions(r['a'], r['b'], last, 1)[1], r['weights'][last:], 1e-5)


TASKS = {'classify': classify, 'zero-shot': zero_shot, 'next': next_sentence, 'fill': fill, 'tag': tag,
         'entities': entities, 'answer': answer, 'attention': attention}


def batches_equal_single_rows(m, rows):
    """A row's logits are the same bits in any company."""
    pairs = [(r['a'], r['b']) for r in rows if r['task'] == 'classify']
    assert m.logits(pairs * 7) == [m.logits([p])[0] for p in pairs] * 7


def main(so, directories):
    engine, passed, failed = Engine(so), 0, 0
    for directory in directories or sorted(glob.glob(os.path.join(HERE, 'heads/*'))):
        with open(os.path.join(directory, 'expected.json'), encoding='utf-8') as f:
            rows = json.load(f)['rows']
        checks = [(lambda m, r=r: TASKS[r['task']](m, r), r) for r in rows]
        if rows[0]['task'] == 'classify':
            checks.append((lambda m: batches_equal_single_rows(m, rows), 'batches'))
        try:
            m = engine.open(directory)
        except Failed as e:
            print(f'{os.path.basename(directory)}: {e}')
            failed += len(checks)
            continue
        for check, row in checks:
            try:
                check(m)
                passed += 1
            except (AssertionError, Failed) as e:
                failed += 1
                print(f'{os.path.basename(directory)}: {row!r:.100}: {e!s:.700}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
