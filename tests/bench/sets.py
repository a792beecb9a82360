"""sets.py -- public data sets as rows: their file formats, which the benches and the recipes of models/ read."""
import json
import lzma
import re


def lines(path):
    opened = lzma.open(path, 'rt', encoding='utf-8') if path.endswith('.xz') else open(path, encoding='utf-8')
    with opened as f:
        return [line.rstrip('\n') for line in f]


def conll(path):
    """Sentences as (words, tags), each sentence after a blank line."""
    sentences, words, tags = [], [], []
    for line in lines(path) + ['']:
        if line.strip():
            fields = line.split()
            words.append(re.sub('^en:', '', fields[0]) or fields[0])
            tags.append(fields[-1])
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


def squad(path):
    """(place of the article in the file, its title, question, passage, answers as SQuAD has them)"""
    for place, article in enumerate(json.loads('\n'.join(lines(path)))['data']):
        for paragraph in article['paragraphs']:
            for qa in paragraph['qas']:
                yield place, article['title'], qa['question'], paragraph['context'], qa['answers']


def documents(path):
    """Lists of paragraphs, a paragraph a line, documents parted by blank lines."""
    paragraphs = []
    for line in lines(path) + ['']:
        if line.strip():
            paragraphs.append(line.strip())
        elif paragraphs:
            yield paragraphs
            paragraphs = []
