"""The texts that the models inside learn from, out of public sets, as tables of one database.

    python3 models/corpus.py DATA corpus.db

DATA is a folder of public sets (README.md here names them, their licences, and what is left out because weights trained
on it may not be shipped). A table a task; what models are judged by is in none of them: held.py says what that is.

    vectors(id, text)                          prose by the sentence and by the passage, questions, remarks
    documents(id, document, text)              paragraphs in their order, for mlm and next sentence
    sentiment(id, text, label)                 phrases and sentences of reviews
    inference(id, source, a, b, label)
    questions(id, source, question, passage, answer, start)
    names(id, words, tags)                     JSON arrays

The same DATA gives the same rows: what is drawn is drawn with a fixed seed. About a minute.
"""
import csv
import json
import os
import random
import re
import sqlite3
import sys

import held
import sets
from sets import lines

SENTENCE = re.compile(r'(?<=[.!?]["”’)])\s+(?=["“‘A-Z(])|(?<=[.!?])\s+(?=["“‘A-Z(])')

# Prose: how many sentences and how many passages of each file.
PROSE = {'openstax': (110000, 22000), 'classic-books': (60000, 8000), 'eltec-eng': (12000, 1000),
         'medquad-answers': (30000, 8000), 'wordnet-glosses': (50000, 0), 'factbook': (10000, 1000),
         'peps': (6000, 1500), 'rust-rfcs': (5000, 1000), 'powershell-docs': (4000, 800)}
PASSAGE = 900  # characters, about 200 tokens


def documents_of(data, name):
    """Lists of paragraphs; without the documents that judge."""
    return (paragraphs for paragraphs in sets.documents(f'{data}/text/{name}.txt.xz') if not held.is_prose(paragraphs))


def passages_of(paragraphs, rng):
    """Paragraphs joined up to a length that is drawn each time, cut at a space."""
    text, want = '', rng.randint(150, PASSAGE)
    for paragraph in paragraphs:
        text += (' ' if text else '') + paragraph
        if len(text) >= want:
            yield text[:want].rsplit(' ', 1)[0]
            text, want = '', rng.randint(150, PASSAGE)


def some(items, n, rng):
    items = sorted(set(items))
    return items if len(items) <= n else rng.sample(items, n)


def prose(data, rng):
    for name, (sentences, passages) in PROSE.items():
        docs = list(documents_of(data, name))
        whole = [p for doc in docs for p in doc]
        cut = (s for p in whole for s in SENTENCE.split(p))
        yield from some((s for s in cut if 8 <= len(s) <= 600), sentences, rng)
        yield from some((p for doc in docs for p in passages_of(doc, rng)), passages, rng)


# ---- sentiment, inference, questions, names ------------------------------------------------------------------------


def sentiment(data):
    """Phrases and sentences, those of the sentences judged by left out."""
    judged = {tuple(text.lower().split()) for text, _ in held.sentiment(data)}
    rows = [line.split('\t') for line in lines(f'{data}/sst2/train.tsv') + lines(f'{data}/sst2/phrases-train.tsv.xz')]
    seen = {}
    for row in rows:
        label, text = (row[0], row[1]) if row[0] in '01' else (row[1], row[0])
        if label in ('0', '1') and tuple(text.lower().split()) not in judged:
            seen[text.strip()] = ('negative', 'positive')[int(label)]
    return sorted(seen.items())


NLI = ('entailment', 'neutral', 'contradiction')


def labelled_pairs(data):
    """(source, a, b, label)"""
    for line in lines(f'{data}/snli/validation.tsv')[1:][:held.SNLI_FIRST]:
        a, b, label = line.split('\t')
        yield 'snli', a, b, NLI[int(label)]
    for line in lines(f'{data}/nli-extra/breaking_nli-dataset.jsonl'):
        row = json.loads(line)
        yield 'breaking', row['sentence1'], row['sentence2'], row['gold_label']
    for name in ('help-leskexppmb_and', 'help-leskexppmb_or', 'med-MED'):
        for row in csv.DictReader(lines(f'{data}/nli-extra/{name}.tsv'), delimiter='\t', quoting=csv.QUOTE_NONE):
            a, b = row.get('ori_sentence') or row.get('sentence1'), row.get('new_sentence') or row.get('sentence2')
            if a and b and row['gold_label'] in NLI:
                yield name.split('-')[0], a, b, row['gold_label']


def inference(data):
    """(source, a, b, label)"""
    known = {row[1:]: row[0] for row in reversed(list(labelled_pairs(data)))}
    for row in sorted(known):
        yield known[row], *row


def squad_questions(path, wanted):
    """(question, passage, answer, start) of the articles wanted(place, title)."""
    for place, title, question, passage, answers in sets.squad(path):
        if wanted(place, title) and answers:
            yield question, passage, answers[0]['text'], answers[0]['answer_start']


def qamr_questions(data):
    """Crowd-made questions of one sentence; an answer is some of its tokens."""
    text = dict(line.split('\t') for line in lines(f'{data}/qamr/wiki-sentences.tsv.xz') if line.count('\t') == 1)
    seen = set()
    for name in ('dev', 'test'):
        for line in lines(f'{data}/qamr/filtered-{name}.tsv.xz'):
            f = line.split('\t')
            if f[0] not in text:
                continue
            tokens = text[f[0]].split(' ')
            places = sorted(int(x) for x in f[6].split())
            if not places or places[-1] - places[0] >= len(places) + 2 or places[-1] >= len(tokens):
                continue
            start = sum(len(t) + 1 for t in tokens[:places[0]])
            answer = ' '.join(tokens[places[0]:places[-1] + 1])
            if (f[5], f[0], start) not in seen:
                seen.add((f[5], f[0], start))
                yield f[5], text[f[0]], answer, start


def questions(data):
    """(source, question, passage, answer, start)"""
    titles = held.squad_titles(data)
    sources = [('squad', squad_questions(f'{data}/squad/v1.1-open.json', held.squad_trained)),
               ('squad', squad_questions(f'{data}/squad/v2.0-open.json', lambda place, title: title not in titles))]
    sources += [('policyqa', squad_questions(f'{data}/policyqa/{name}.json.xz', lambda place, title: True))
                for name in ('dev', 'test')]
    seen = set()
    for source, rows in sources + [('qamr', qamr_questions(data))]:
        for row in rows:
            if row[:2] not in seen:  # the second version of SQuAD repeats questions of the first
                seen.add(row[:2])
                yield source, *row


def names(data):
    return sets.conll(f'{data}/wikiann-en/train.conll')


# ---- the texts of which vectors are learned ------------------------------------------------------------------------


def remarks(data, rng):
    for a, b, _ in csv.reader(lines(f'{data}/stsb/train.csv')):
        yield a
        yield b
    for line in lines(f'{data}/goemotions/train.tsv'):
        yield line.split('\t')[0]
    for row in csv.reader(lines(f'{data}/banking77/train.csv')[1:]):
        yield row[0]
    for line in lines(f'{data}/snli/validation.tsv')[1:][:held.SNLI_FIRST]:
        yield from line.split('\t')[:2]
    yield from some((text for text, _ in sentiment(data)), 30000, rng)
    for words, _ in names(data):
        yield ' '.join(words)
    for _, question, passage, _, _ in questions(data):
        yield question
        yield passage


def vectors(data, rng):
    judged = set(held.texts(data))
    texts = sorted({t.strip() for part in (prose(data, rng), remarks(data, rng)) for t in part} - judged - {''})
    rng.shuffle(texts)
    return texts


def documents(data):
    """Paragraphs in their order, of books and of what explains."""
    n = 0
    for name in ('openstax', 'classic-books', 'eltec-eng', 'medquad-answers'):
        for paragraphs in documents_of(data, name):
            for text in paragraphs:
                yield n, text
            n += 1


def fill(db, table, columns, rows):
    keys = [c.split()[0] for c in columns.split(', ')]
    db.execute(f'CREATE TABLE {table}(id INTEGER PRIMARY KEY, {columns})')
    marks = ', '.join('?' * len(keys))
    db.executemany(f"INSERT INTO {table}({', '.join(keys)}) VALUES({marks})", rows)
    print(f"{table:10} {db.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:8,} rows", flush=True)


def main():
    data, path = sys.argv[1:]
    rng = random.Random(8)
    if os.path.exists(path + '.new'):
        os.remove(path + '.new')
    db = sqlite3.connect(path + '.new')
    fill(db, 'vectors', 'text TEXT', ((t,) for t in vectors(data, rng)))
    fill(db, 'documents', 'document INTEGER, text TEXT', documents(data))
    fill(db, 'sentiment', 'text TEXT, label TEXT', sentiment(data))
    fill(db, 'inference', 'source TEXT, a TEXT, b TEXT, label TEXT', inference(data))
    fill(db, 'questions', 'source TEXT, question TEXT, passage TEXT, answer TEXT, start INTEGER', questions(data))
    fill(db, 'names', 'words TEXT, tags TEXT', ((json.dumps(w), json.dumps(t)) for w, t in names(data)))
    db.commit()
    db.close()
    os.rename(path + '.new', path)


if __name__ == '__main__':
    main()
