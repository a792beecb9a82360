"""What the models inside are judged by, and are therefore never trained on: see measure.py."""
import csv
import json
import lzma
import zlib

SNLI_FIRST = 4921  # pairs of SNLI's validation set may be learned from, the later ones judge


def lines(path):
    with open(path, encoding='utf-8') as f:
        return [line.rstrip('\n') for line in f]


def squad_trained(place, title=None):
    """Whether the article at that place of v1.1-open may be learned from: every sixth judges."""
    return place % 6 != 0


def squad_articles(data):
    with open(f'{data}/squad/v1.1-open.json', encoding='utf-8') as f:
        return [a for place, a in enumerate(json.load(f)['data']) if not squad_trained(place)]


def squad_titles(data):
    return {article['title'] for article in squad_articles(data)}


def squad(data):
    """(question, passage, answers)"""
    return [(qa['question'], paragraph['context'], [a['text'] for a in qa['answers']])
            for article in squad_articles(data) for paragraph in article['paragraphs'] for qa in paragraph['qas']]


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
        with lzma.open(f'{data}/text/{name}.txt.xz', 'rt', encoding='utf-8') as f:
            for document in f.read().split('\n\n'):
                paragraphs = [line.strip() for line in document.split('\n') if line.strip()]
                if paragraphs and is_prose(paragraphs):
                    yield paragraphs


def names(data):
    """(words, tags), JSON arrays."""
    words, tags, out = [], [], []
    for line in lines(data + '/wikiann-en/dev.conll') + ['']:
        if line.strip():
            word, tag = line.split()[0], line.split()[-1]
            words.append(word.removeprefix('en:') or word)
            tags.append(tag)
        elif words:
            out.append((json.dumps(words), json.dumps(tags)))
            words, tags = [], []
    return out


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
