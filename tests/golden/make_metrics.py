"""make_metrics.py -- cases for tests/unit/test_metrics.c, with what the usual implementations say.

    python tests/golden/make_metrics.py > tests/unit/metrics_cases.h      needs scikit-learn and SciPy

Classes and numbers are judged by scikit-learn and SciPy. The rules of SQuAD's scripts and of conlleval are written out
here from their definitions: answers are compared after lower(), without ASCII punctuation, without the words a, an, the,
split at white space; spans are sets of (start, end, type), found the way conlleval opens and closes chunks."""
import random
import re
import string
from collections import Counter

from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

random.seed(7)


def c_string(s):
    return '"' + ''.join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else '\\%03o' % b for b in s.encode()) + '"'


def classes():
    for labels in (2, 2, 3, 5, 3):
        n = random.randint(5, 30)
        wanted = [random.randrange(labels) for _ in range(n)]
        found = [w if random.random() < 0.6 else random.randrange(labels) for w in wanted]
        if labels == 5:  # a label that never occurs, and one that is only found
            wanted, found = [min(w, 2) for w in wanted], [3 if f == 4 else f for f in found]
        f1 = f1_score(wanted, found, zero_division=0) if labels == 2 else 0
        yield '{%d, %d, {%s}, {%s}, %.17g, %.17g, %.17g, %.17g}' % (
            n, labels, ', '.join(map(str, found)), ', '.join(map(str, wanted)), accuracy_score(wanted, found), f1,
            f1_score(wanted, found, average='macro', zero_division=0), matthews_corrcoef(wanted, found))
    yield '{3, 2, {0, 0, 0}, {0, 1, 0}, %.17g, 0, %.17g, 0}' % (2 / 3, f1_score([0, 1, 0], [0, 0, 0], average='macro', zero_division=0))


def sets():
    for _ in range(3):
        n, labels = random.randint(4, 8), 4
        wanted = [[random.random() < 0.4 for _ in range(labels)] for _ in range(n)]
        found = [[w if random.random() < 0.7 else not w for w in row] for row in wanted]
        flat = lambda x: ', '.join(str(int(v)) for row in x for v in row)
        w, f = [list(map(int, r)) for r in wanted], [list(map(int, r)) for r in found]
        yield '{%d, {%s}, {%s}, %.17g, %.17g, %.17g}' % (
            n, flat(found), flat(wanted), accuracy_score(w, f), f1_score(w, f, average='micro', zero_division=0),
            f1_score(w, f, average='macro', zero_division=0))


def numbers():
    for ties in (0, 1, 1, 0):
        n = random.randint(4, 20)
        x = [random.randrange(4) / 2 if ties else random.gauss(0, 1) for _ in range(n)]
        y = [a + (random.randrange(3) if ties else random.gauss(0, 1)) for a in x]
        yield '{%d, {%s}, {%s}, %.17g, %.17g}' % (n, ', '.join('%.17g' % a for a in x), ', '.join('%.17g' % a for a in y),
                                                pearsonr(x, y)[0], spearmanr(x, y)[0])


def normal(s):
    s = ''.join(c for c in s.lower() if c not in set(string.punctuation))
    return ' '.join(re.sub(r'\b(a|an|the)\b', ' ', s).split())


def answer(found, wanted, has_none):
    f, w = normal(found).split(), normal(wanted).split()
    same = sum((Counter(f) & Counter(w)).values())
    f1 = 0.0
    if has_none and (not f or not w):
        f1 = float(f == w)
    elif same:
        precision, recall = same / len(f), same / len(w)
        f1 = 2 * precision * recall / (precision + recall)
    return int(normal(found) == normal(wanted)), f1


def answers():
    texts = ['The Eiffel Tower', 'eiffel tower!', 'an  apple\u00a0pie', 'Apple-pie', 'the', '', 'a', 'thé theatre', 'U.S.',
             'us', "l\u2019a b", "L\u2019 B", 'İstanbul and the ÉTAT', 'i\u0307stanbul AND état', 'x x y', 'y x', 'x y x\ty\x1fz',
             'a_b the_c', '$1,000.50', '1000 50', '100050', '\u3000東京 the\u2003Kyoto', '東京 kyoto', 'Straße', 'STRASSE']
    pairs = [(a, b) for a in texts for b in texts if random.random() < 0.12 or (a and b and a[0].lower() == b[0].lower())]
    for a, b in pairs:
        for none in (0, 1):
            exact, f1 = answer(a, b, none)
            yield '{%s, %s, %d, %d, %.17g}' % (c_string(a), c_string(b), none, exact, f1)


def chunks(tags):
    """conlleval: a chunk ends and begins by the tag before and the tag now."""
    found, before, start = set(), ('O', ''), None
    for i, t in enumerate(list(tags) + ['O']):
        now = (t[0], t[2:] if '-' in t else t[1:])
        p, n = before[0], now[0]
        ends = p in 'ES' or (p in 'BI' and n in 'BSO') or (p != 'O' and before[1] != now[1])
        begins = n in 'BS' or (p in 'ESO' and n in 'EI') or (n != 'O' and before[1] != now[1])
        if start is not None and ends:
            found.add((start, i - 1, before[1]))
            start = None
        if begins:
            start = i
        before = now
    return found


def spans():
    for scheme in ('BIO', 'BIO', 'IO', 'BIESO', 'BIO', 'BIO'):
        n = random.randint(6, 16)
        tag = lambda: (lambda s: s if s == 'O' else s + '-' + random.choice(['PER', 'LOC']))(random.choice(scheme))
        wanted = [tag() for _ in range(n)]
        found = [w if random.random() < 0.75 else tag() for w in wanted]
        w, f = chunks(wanted), chunks(found)
        yield '{%d, {%s}, {%s}, %d, %d, %d}' % (n, ', '.join(map(c_string, found)), ', '.join(map(c_string, wanted)),
                                                len(f), len(w), len(f & w))


print('/* metrics_cases.h -- made by tests/golden/make_metrics.py: cases, and what the usual implementations say. */')
for name, make in (('class', classes), ('set', sets), ('number', numbers), ('answer', answers), ('span', spans)):
    print(f'static const {name.capitalize()}Case {name}_cases[] = {{')
    for case in make():
        print(f'    {case},')
    print('};')
