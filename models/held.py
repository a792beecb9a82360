"""What the models inside are judged by, and are therefore never trained on: see measure.py."""
import csv
import json
import os
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tests/bench'))
import sets  # noqa: E402
from sets import lines  # noqa: E402

SNLI_FIRST = 4921  # pairs of SNLI's validation set may be learned from, the later ones judge


def squad_trained(place, title=None):
    """Whether the article at that place of v1.1-open may be learned from: every sixth judges."""
    return place % 6 != 0


def squad_titles(data):
    return {title for place, title, *_ in sets.squad(f'{data}/squad/v1.1-open.json') if not squad_trained(place)}


def squad(data):
    """(question, passage, answers)"""
    return [(question, passage, [a['text'] for a in answers])
            for place, _, question, passage, answers in sets.squad(f'{data}/squad/v1.1-open.json')
            if not squad_trained(place)]


def sentiment(data):
    rows = [line.split('\t') for line in lines(f'{data}/sst2/dev.tsv')]
    return [(text, ('negative', 'positive')[int(label)]) for label, text in rows]


def similarity(data):
    with open(f'{data}/stsb/dev.csv', newline='', encoding='utf-8') as f:
        return [(a, b, float(score)) for a, b, score in csv.reader(f)]


def inference(data):
    names = ('entailment', 'neutral', 'contradiction')
    rows = [line.split('\t') for line in lines(f'{data}/snli/validation.tsv')[1:][SNLI_FIRST:]]
    return [(a, b, names[int(label)]) for a, b, label in rows]


def is_prose(paragraphs):
    """Whether a document of the prose judges: one in 200, by what it begins with."""
    return zlib.crc32(paragraphs[0].encode()) % 200 == 7


def prose(data):
    """Documents, lists of paragraphs, of the kinds that are learned from."""
    for name in ('openstax', 'classic-books', 'eltec-eng', 'medquad-answers'):
        yield from filter(is_prose, sets.documents(f'{data}/text/{name}.txt.xz'))


def names(data):
    """(words, tags), JSON arrays."""
    return [(json.dumps(words), json.dumps(tags)) for words, tags in sets.conll(data + '/wikiann-en/dev.conll')]


def texts(data):
    """Every text that judges vectors, inference or sentiment."""
    for a, b, _ in similarity(data):
        yield a
        yield b
    for question, passage, _ in squad(data):
        yield question
        yield passage
    for a, b, _ in inference(data):
        yield a
        yield b
    for text, _ in sentiment(data):
        yield text
