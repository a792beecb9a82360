"""tokenizer_parity.py -- are our tokens those of Hugging Face tokenizers, for everything?

    python tokenizer_parity.py DRIVER [NAME]     DRIVER is tokenize_driver, built; NAME runs the claims that contain it

Ids, types, special and word marks, and offsets of both sides are compared, over every code point of Unicode alone and
in company, the naughty strings, sentences of 56 languages, random mixtures (fixed seeds, broken UTF-8 among them), every
way of truncating, added tokens of every kind; for WordPiece with four vocabularies and every combination of the
normalizer's options, for byte-level BPE with every option of its parts and random vocabularies.
Each function below is a claim; the last line counts them. Texts that are unequal are shown, the first few of a claim.
"""
import array
import itertools
import json
import lzma
import os
import random
import struct
import subprocess
import sys
import tempfile

os.environ['TOKENIZERS_PARALLELISM'] = 'false'
from tokenizers import Tokenizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = 3
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
MARKS = [chr(c) for c in (*range(0x300, 0x36F), 0x302E, 0x302F, 0xF71, 0xF73, 0xF75, 0xF81, 0x1AB0, 0x1DF6, 0x10EAB,
                          0x16FF0, 0x16FF1, 0x1D165, 0x1D166, 0x1D16D, 0x1E2AE)]


# ---- both sides -----------------------------------------------------------------------------------------------------

class Pair:
    """The reference and ours, made from the same bytes."""

    def __init__(self, tokenizer, vocab=None, arguments=(), merges=None):
        self.reference = Tokenizer.from_str(json.dumps(tokenizer))
        files = [vocab if vocab else json.dumps(tokenizer).encode()] + ([merges] if merges else [])
        paths = [os.path.join(SCRATCH, f'file-{i}') for i in range(len(files))]
        for path, content in zip(paths, files):
            with open(path, 'wb') as f:
                f.write(content)
        kind = 'bpe' if merges else 'vocab' if vocab else 'json'
        self.command = [DRIVER, kind, *paths, *map(str, arguments)]

    def unequal(self, requests):
        """How many of the requests (a, b or None, max_tokens or 0), in bytes, are answered differently."""
        found, wrong = self.ours(requests), 0
        for request, wanted, got in zip(requests, self.wanted(requests), found, strict=True):
            if wanted != got:
                wrong += 1
                if wrong <= SHOWN:
                    print(f'  {request!r:.300}\n    wanted {wanted!r:.600}\n    found  {got!r:.600}')
        return wrong

    def wanted(self, requests):
        for max_tokens, group in itertools.groupby(requests, lambda r: r[2]):
            if max_tokens:
                self.reference.enable_truncation(max_tokens)
            else:
                self.reference.no_truncation()
            texts = [tuple(x.decode('utf-8', 'replace') for x in r[:2] if x is not None) for r in group]
            for e in self.reference.encode_batch([t if len(t) == 2 else t[0] for t in texts]):
                words = list(zip(e.sequence_ids, e.word_ids))
                whole = [w[1] is not None and (i == 0 or words[i - 1] != w) for i, w in enumerate(words)]
                yield e.ids, e.offsets, bytes(e.type_ids), bytes(e.special_tokens_mask), bytes(whole)

    def ours(self, requests):
        packed = []
        for a, b, max_tokens in requests:
            packed += [struct.pack('iii', max_tokens, b is not None, len(a)), a]
            if b is not None:
                packed += [struct.pack('i', len(b)), b]
        p = subprocess.run(self.command, input=b''.join(packed), stdout=subprocess.PIPE, check=False)
        if p.returncode:
            raise SystemExit(f'{self.command}: exit status {p.returncode}')
        return list(self.answers(p.stdout, requests))

    @staticmethod
    def answers(out, requests):
        at = 0
        for request in requests:
            n, total, count = struct.unpack_from('iii', out, at)
            if n < 0:
                yield out[at + 8:at + 8 + total].decode()
                at += 8 + total
                continue
            numbers = array.array('i', out[at + 12:at + 12 + 12 * n])
            at += 12 + 12 * n
            ids, offsets = numbers[:n].tolist(), list(zip(numbers[n:2 * n], numbers[2 * n:]))
            if not request[2] and (total != n or request[1] is None and count != n):
                yield f'{n} tokens, total {total}, counted {count}'
            else:
                yield ids, offsets, out[at:at + n], out[at + n:at + 2 * n], out[at + 2 * n:at + 3 * n]
            at += 3 * n


# ---- tokenizers -----------------------------------------------------------------------------------------------------

def vocabulary(name):
    with lzma.open(f'{HERE}/vocab/bert-base-{name}-vocab.txt.xz') as f:
        return f.read()


def bert_normalizer(clean=True, chinese=True, strip=None, lower=True):
    return dict(type='BertNormalizer', clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip,
                lowercase=lower)


def special(content, id):
    return dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)


def bert(name='uncased', **parts):
    """tokenizer.json of a BERT model, as transformers writes it."""
    pieces = vocabulary(name).decode().split('\n')[:-1]
    vocab = {p: i for i, p in enumerate(pieces)}
    token = lambda t, k: {'SpecialToken': {'id': t, 'type_id': k}}
    text = lambda s, k: {'Sequence': {'id': s, 'type_id': k}}
    single = [token('[CLS]', 0), text('A', 0), token('[SEP]', 0)]
    template = dict(type='TemplateProcessing', single=single, pair=[*single, text('B', 1), token('[SEP]', 1)],
                    special_tokens={t: dict(id=t, ids=[vocab[t]], tokens=[t]) for t in ('[CLS]', '[SEP]')})
    model = dict(type='WordPiece', unk_token='[UNK]', continuing_subword_prefix='##', max_input_chars_per_word=100,
                 vocab=vocab)
    return {**dict(version='1.0', truncation=None, padding=None,
                   added_tokens=[special(t, vocab[t]) for t in ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')],
                   normalizer=bert_normalizer(lower=name in ('uncased', 'chinese')),
                   pre_tokenizer=dict(type='BertPreTokenizer'), post_processor=template, decoder=None, model=model),
            **parts}


def packed(name):
    with lzma.open(f'{HERE}/vocab/{name}.xz') as f:
        return f.read().decode()


ROBERTA = dict(type='RobertaProcessing', sep=['</s>', 2], cls=['<s>', 0], trim_offsets=True, add_prefix_space=False)


def roberta(model=(), mask=(), pre=(), **parts):
    """tokenizer.json of a RoBERTa model, as transformers writes it; model, mask and pre change some of theirs."""
    vocab = json.loads(packed('bytelevel-vocab.json'))
    merges = [line.split(' ') for line in packed('bytelevel-merges.txt').split('\n')[1:-1]]
    tokens = [special(t, vocab[t]) for t in ('<s>', '<pad>', '</s>', '<unk>')]
    tokens.append({**special('<mask>', vocab['<mask>']), 'lstrip': True, **dict(mask)})
    return {**dict(version='1.0', truncation=None, padding=None, added_tokens=tokens, normalizer=None,
                   pre_tokenizer={**dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True),
                                  **dict(pre)},
                   post_processor=ROBERTA, decoder=None,
                   model={**dict(type='BPE', dropout=None, unk_token=None, continuing_subword_prefix='',
                                 end_of_word_suffix='', fuse_unk=False, byte_fallback=False, ignore_merges=False,
                                 vocab=vocab, merges=merges), **dict(model)}), **parts}


def alone(texts):
    return [(t if isinstance(t, bytes) else t.encode(), None, 0) for t in texts]


# ---- claims ---------------------------------------------------------------------------------------------------------

def every_code_point(pattern, code_points=CODE_POINTS, a_text=64):
    """Many to a text, apart by spaces: a word of its own each time."""
    words = [pattern.replace('*', chr(c)) for c in code_points]
    return alone(' '.join(words[i:i + a_text]) for i in range(0, len(words), a_text))


def code_points_alone():
    return Pair(bert()).unequal(every_code_point('*'))


def code_points_between_letters():
    return Pair(bert()).unequal(every_code_point('a*b'))


def code_points_among_marks():
    return Pair(bert()).unequal(every_code_point('e\u0301*\u0327\u0345\u0334'))


def code_points_first_in_a_text():
    return Pair(bert()).unequal(every_code_point('*', [c for c in CODE_POINTS if c < 0x3100 or c % 61 == 0], 1))


def code_points_of_cased_vocabularies():
    some = [c for c in CODE_POINTS if c < 0x3100 or c % 5 == 0]
    return sum(Pair(bert(name)).unequal(every_code_point('a* *\u0301', some))
               for name in ('cased', 'multilingual-cased'))


def every_combination_of_options():
    some = [c for c in CODE_POINTS if c < 0x3100 or 0xA000 < c < 0x20000 and c % 7 == 0 or c % 101 == 0]
    wrong = 0
    both, three = (True, False), (None, True, False)
    for clean, chinese, strip, lower in itertools.product(both, both, three, both):
        pair = Pair(bert(normalizer=bert_normalizer(clean, chinese, strip, lower)))
        wrong += pair.unequal(every_code_point('X*\u0301\u0327\u0345y', some))
        wrong += pair.unequal(alone(mixture(random.Random(f'{clean}{chinese}{strip}{lower}')) for _ in range(500)))
    return wrong


def no_normalizer():
    some = [c for c in CODE_POINTS if c < 0x3100 or c % 11 == 0]
    return Pair(bert(normalizer=None)).unequal(every_code_point('X*\u0301y', some))


def a_sequence_of_one_normalizer():
    return Pair(bert(normalizer=dict(type='Sequence', normalizers=[bert_normalizer()]))).unequal(alone(['Héllo wörld']))


def lines(name):
    with open(f'{HERE}/text/{name}', 'rb') as f:
        return f.read().split(b'\n')


def naughty_strings():
    return sum(Pair(bert(name)).unequal(alone(lines('blns.txt'))) for name in ('uncased', 'cased'))


def sentences_of_many_languages():
    return sum(Pair(bert(name)).unequal(alone(lines('tatoeba.txt')))
               for name in ('uncased', 'cased', 'multilingual-cased', 'chinese'))


def vocab_txt_is_read_as_its_tokenizer_json():
    """Settings: lower-casing, strip_accents (-1: as lower-casing), Chinese characters."""
    wrong = 0
    settings = ('uncased', 1, -1, 1), ('cased', 0, -1, 1), ('cased', 0, 1, 0), ('uncased', 1, 0, 1)
    for name, lower, strip, chinese in settings:
        normalizer = bert_normalizer(True, bool(chinese), None if strip < 0 else bool(strip), bool(lower))
        pair = Pair(bert(name, normalizer=normalizer), vocabulary(name), (lower, strip, chinese))
        wrong += pair.unequal(alone(lines('tatoeba.txt') + lines('blns.txt')))
    return wrong


POOL = [list('abcXYZ019'), list(' \t\n\r\v\f\x85\u3000\u00a0\u2028'), list('.,!-[]#_'), MARKS,
        ['[CLS]', '[SEP]', '[MASK]', '[UNK]', '[PAD]', '[mask]', '##ing', '[MAS'],
        list('\u200b\u200d\ufeff\ufffd\0\x01\x7f\xad'), [chr(c) for c in range(0xC0, 0x250)],
        [chr(c) for c in range(0x1E00, 0x2000)], list('漢字豈\uf900\ufa0e\U0002f800かがパ각'),
        ['the', 'playing', 'tokenization', 'unbelievable', 'ÉCOLE', 'İ', 'ß', 'ΣΑΣ', 'antidisestablishmentarianism'],
        [chr(c) for c in (0x1D15E, 0x1D160, 0x1D165, 0x1D166, 0x16FF0, 0x302E, 0x302F, 0x1D16D)]]


def mixture(rng, most=30, pool=POOL):
    of = lambda: rng.choice(rng.choice(pool)) if rng.random() < 0.97 else chr(rng.choice(CODE_POINTS))
    return ''.join(of() for _ in range(rng.randrange(1, most)))


def broken(rng, pool=POOL):
    text = bytearray(mixture(rng, pool=pool).encode())
    for _ in range(rng.randrange(1, 5)):
        text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text[:rng.randrange(len(text)) + 1])


def random_mixtures():
    rng = random.Random(1)
    return Pair(bert()).unequal(alone(mixture(rng) for _ in range(15000)))


def broken_utf8():
    rng = random.Random(2)
    return Pair(bert()).unequal(alone(broken(rng) for _ in range(10000)))


def random_pairs_cut():
    rng = random.Random(3)
    return Pair(bert()).unequal([(broken(rng), broken(rng), m) for m in range(3, 40) for _ in range(60)])


def every_truncation():
    """Of n tokens, and of n and m, to every window."""
    words = ['the', 'playing', 'tokenization', 'zzqxj', '[MASK]', 'antidisestablishmentarianism']
    rng = random.Random(4)
    texts = [' '.join(rng.choice(words) for _ in range(n)).encode() for n in range(12)]
    requests = [(a, b, m) for m in range(3, 40) for a in texts for b in [None, *texts]]
    return Pair(bert()).unequal(requests) + Pair(bert()).unequal([(a, None, 2) for a in texts])


def long_words_and_texts():
    texts = ['a' * n for n in (1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 99, 100, 101, 1 << 20)]
    texts += ['é' * 100, 'é' * 101, '\u0301' * 100000, 'a' + '\u0327\u0301\U0001d165' * 20000, ' ' * 100000]
    texts += ['漢' * 10000, '', 'the quick brown fox, ' * 5000, '[MASK]' * 2000, '[' * 10000]
    return Pair(bert()).unequal(alone(texts))


def short_texts_end_anywhere():
    """Eight bytes are looked at at once: every length, and every place of the first byte that is not a letter."""
    base = 'Abcdefghijklmnopqrstuvwxyz0123456789'
    texts = [base[:n] + end for n in range(37) for end in ('', ' ', '.', 'é', '\x01', '. x', '\u0301')]
    texts += [' ' * k + t for t in texts[::3] for k in (1, 5)]
    return Pair(bert()).unequal(alone(texts)) + Pair(bert('cased')).unequal(alone(texts))


def random_tokens(rng, vocab):
    letters = 'abéA \u0301.x[]漢\u00a0Å'
    for _ in range(rng.randrange(6)):
        content = ''.join(rng.choice(letters) for _ in range(rng.randrange(1, 4)))
        if rng.random() < 0.4:
            content = rng.choice([*vocab, ' ', '  ', ' a', 'a ', '\u00a0'])
        flag = lambda p: rng.random() < p
        yield dict(id=0, content=content, single_word=flag(.3), lstrip=flag(.3), rstrip=flag(.3), normalized=flag(.4),
                   special=flag(.3))


TEMPLATES = [None, dict(type='BertProcessing', sep=['[SEP]', 2], cls=['[CLS]', 1]),
             dict(type='TemplateProcessing',
                  single=[{'SpecialToken': {'id': 's', 'type_id': 3}}, {'Sequence': {'id': 'A', 'type_id': 2}}],
                  pair=[{'Sequence': {'id': 'B', 'type_id': 4}}, {'SpecialToken': {'id': 's', 'type_id': 3}},
                        {'Sequence': {'id': 'A', 'type_id': 1}}, {'SpecialToken': {'id': 's', 'type_id': 0}}],
                  special_tokens={'s': dict(id='s', ids=[1, 7], tokens=['[CLS]', 'b'])})]


def left_to_chance(pair, tokens):
    """Patterns or ids that two tokens share, and patterns that normalize to nothing: the reference's answer varies."""
    normal = pair.reference.normalizer
    seen = lambda t: normal.normalize_str(t['content']) if normal and t['normalized'] else t['content']
    patterns = [(t['normalized'], seen(t)) for t in tokens]
    ids = {pair.reference.token_to_id(t['content']) for t in tokens}
    return '' in (p for _, p in patterns) or len(set(patterns)) < len(tokens) or len(ids) < len(tokens)


def panics(pair, text):
    """The reference does, where lstrip meets white space that rstrip has taken; it also writes to stderr."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        pair.reference.encode(text)
    except BaseException as e:  # PanicException is no Exception
        if 'bad split' not in str(e):
            raise
        return True
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
    return False


def added_tokens_templates_and_small_vocabularies():
    rng, wrong = random.Random(5), 0
    base = '[UNK] [CLS] [SEP] a b ##a ##b e ##e é ##é x ##x . [ ] 漢 ab ##ab ##xa [x] A'.split()
    for _ in range(150):
        prefix = rng.choice(['##', '##', '_', '', 'a'])
        vocab = {p.replace('##', prefix): i for i, p in enumerate(base)}
        model = dict(type='WordPiece', unk_token=rng.choice(['[UNK]', 'x']), continuing_subword_prefix=prefix,
                     max_input_chars_per_word=rng.choice([100, 1, 0, 3, 100]), vocab=vocab)
        tokens = list(random_tokens(rng, vocab))
        some = bert_normalizer(rng.random() < .7, rng.random() < .7, rng.choice([None, True, False]), rng.random() < .6)
        pair = Pair(bert(model=model, added_tokens=tokens, normalizer=rng.choice([None, some]),
                         post_processor=rng.choice(TEMPLATES)))
        if left_to_chance(pair, tokens):
            continue
        pool = [t['content'] for t in tokens] + list('abéA \u0301.x[]漢\u00a0Å ')
        texts = [''.join(rng.choice(pool) for _ in range(rng.randrange(12))) for _ in range(120)]
        texts = [t.encode() for t in texts if not panics(pair, t)]
        requests = alone(texts) + [(a, b, rng.choice([0, 8])) for a, b in zip(texts, reversed(texts))]
        wrong += pair.unequal(sorted(requests, key=lambda r: r[2]))
    return wrong


# ---- claims of byte-level BPE ---------------------------------------------------------------------------------------

BYTE_POOL = [*POOL, ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'x", "'", "''"], [' '] * 8,
             ['  ', '\n\n', '\t '], ['<mask>', ' <mask>', '<s>', '</s>', '<pad>', '<unk>', '<mas', '<'],
             list('½²٣Ⅷ①'), ['Ġ', 'Ċ', 'ł', 'Ġthe']]
BOTH = True, False


def byte_mixture(rng):
    return mixture(rng, pool=BYTE_POOL)


def bytelevel_code_points():
    company = '*', 'a*b', "' *1*"
    return sum(Pair(roberta()).unequal(every_code_point(pattern)) for pattern in company)


def bytelevel_every_short_text():
    """Every string of the characters that the splitter's pattern tells apart."""
    letters = "asl' \n1!é\u3000"
    texts = [''.join(t) for n in range(5) for t in itertools.product(letters, repeat=n)]
    return Pair(roberta()).unequal(alone(texts)) + Pair(roberta(pre=dict(add_prefix_space=True))).unequal(alone(texts))


def bytelevel_texts():
    return Pair(roberta()).unequal(alone(lines('blns.txt') + lines('tatoeba.txt')))


def bytelevel_every_option():
    wrong = 0
    for n, (prefix, regex, trim, said, whole) in enumerate(itertools.product(BOTH, repeat=5)):
        t = roberta(model=dict(ignore_merges=whole), pre=dict(add_prefix_space=prefix, use_regex=regex),
                    post_processor={**ROBERTA, 'trim_offsets': trim, 'add_prefix_space': said})
        rng = random.Random(n)
        wrong += Pair(t).unequal(alone(byte_mixture(rng) for _ in range(600)))
    return wrong


def bytelevel_random_mixtures_and_broken_utf8():
    rng = random.Random(11)
    texts = [byte_mixture(rng).encode() for _ in range(8000)] + [broken(rng, BYTE_POOL) for _ in range(8000)]
    return Pair(roberta()).unequal(alone(texts))


def bytelevel_pairs_cut():
    rng = random.Random(12)
    return Pair(roberta()).unequal([(broken(rng), broken(rng, BYTE_POOL), m) for m in range(4, 40) for _ in range(40)])


def bytelevel_every_truncation():
    words = ['the', ' playing', ' <mask>', 'zzqxj', '  ', " it's"]
    rng = random.Random(13)
    texts = [''.join(rng.choice(words) for _ in range(n)).encode() for n in range(10)]
    return Pair(roberta()).unequal([(a, b, m) for m in range(4, 30) for a in texts for b in [None, *texts]])


def bytelevel_long_words_and_texts():
    rng = random.Random(14)
    texts = ['a' * n for n in (7, 8, 9, 15, 16, 17, 18, 63, 64, 65, 1 << 20)] + [' ' * n for n in (15, 16, 17, 1 << 17)]
    texts += [''.join(rng.choice('etaoinshr') for _ in range(1 << 18)), 'é' * 100000, ' \n' * 50000, 'a ' * 50000]
    texts += ['漢字' * 20000, "'s" * 20000, '<mask>' * 2000, ' <mask>' * 2000, '<' * 10000, '']
    return Pair(roberta()).unequal(alone(texts))


def bytelevel_merges_as_lines_and_a_model_without_its_type():
    as_lines = roberta()
    as_lines['model']['merges'] = ['#version: 0.2', *(' '.join(m) for m in as_lines['model']['merges'])]
    del as_lines['model']['type']
    return Pair(as_lines).unequal(alone(lines('tatoeba.txt')))


def bytelevel_files_are_read_as_their_tokenizer_json():
    """vocab.json and merges.txt, as RobertaTokenizer: add_prefix_space, trim_offsets, the mask's lstrip."""
    wrong, rng = 0, random.Random(15)
    requests = alone(byte_mixture(rng) for _ in range(2000))
    requests += [(byte_mixture(rng).encode(), byte_mixture(rng).encode(), 12) for _ in range(500)]
    for prefix, trim, lstrip in itertools.product(BOTH, repeat=3):
        t = roberta(mask=dict(lstrip=lstrip), pre=dict(add_prefix_space=prefix),
                    post_processor={**ROBERTA, 'trim_offsets': trim, 'add_prefix_space': prefix})
        files = packed('bytelevel-vocab.json').encode(), packed('bytelevel-merges.txt').encode()
        wrong += Pair(t, files[0], (int(prefix), int(not trim), int(lstrip)), files[1]).unequal(requests)
    return wrong


BYTE_TEMPLATES = [None, ROBERTA, {**ROBERTA, 'add_prefix_space': True}, {**ROBERTA, 'trim_offsets': False},
                  dict(type='BertProcessing', sep=['b', 2], cls=['a', 1]),
                  dict(type='ByteLevel', add_prefix_space=True, trim_offsets=True, use_regex=True),
                  dict(type='Sequence', processors=[dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True),
                                                    TEMPLATES[2]])]


def random_bpe(rng):
    """Pieces of a few bytes, some bytes left out or not, and merges of pieces that make one."""
    spelled = [c for c in 'abeÃ©ĠĊÂłæ¼¢.' if rng.random() < .95]
    pieces, merges = [*spelled, '<unk>'], []
    for _ in range(rng.randrange(25)):
        a, b = rng.choice(pieces), rng.choice(pieces)
        merges.append([a, b])
        if a + b not in pieces:
            pieces.append(a + b)
    rng.shuffle(pieces)
    return dict(type='BPE', dropout=rng.choice([None, 0.0]), unk_token=rng.choice([None, '<unk>', rng.choice(pieces)]),
                continuing_subword_prefix=rng.choice([None, '']), end_of_word_suffix=None, fuse_unk=rng.random() < .5,
                byte_fallback=False, ignore_merges=rng.random() < .4, vocab={p: i for i, p in enumerate(pieces)},
                merges=merges)


def bytelevel_added_tokens_templates_and_small_vocabularies():
    rng, wrong = random.Random(16), 0
    for _ in range(300):
        model = random_bpe(rng)
        tokens = list(random_tokens(rng, model['vocab']))
        pair = Pair(roberta(model, pre=dict(add_prefix_space=rng.random() < .5, use_regex=rng.random() < .8),
                            added_tokens=tokens, post_processor=rng.choice(BYTE_TEMPLATES)))
        if left_to_chance(pair, tokens):
            continue
        pool = [t['content'] for t in tokens] + list('aabbeeé \n\u00a0漢.x') + ['ab', ' a', 'ee']
        texts = [''.join(rng.choice(pool) for _ in range(rng.randrange(12))) for _ in range(120)]
        texts = [t.encode() for t in texts if not panics(pair, t)]
        requests = alone(texts) + [(a, b, rng.choice([0, 8])) for a, b in zip(texts, reversed(texts))]
        wrong += pair.unequal(sorted(requests, key=lambda r: r[2]))
    return wrong


CLAIMS = [code_points_alone, code_points_between_letters, code_points_among_marks, code_points_first_in_a_text,
          code_points_of_cased_vocabularies, every_combination_of_options, no_normalizer, a_sequence_of_one_normalizer,
          naughty_strings, sentences_of_many_languages, vocab_txt_is_read_as_its_tokenizer_json, random_mixtures,
          broken_utf8, random_pairs_cut, every_truncation, long_words_and_texts, short_texts_end_anywhere,
          added_tokens_templates_and_small_vocabularies, bytelevel_code_points, bytelevel_every_short_text, bytelevel_texts,
          bytelevel_every_option, bytelevel_random_mixtures_and_broken_utf8, bytelevel_pairs_cut,
          bytelevel_every_truncation, bytelevel_long_words_and_texts,
          bytelevel_merges_as_lines_and_a_model_without_its_type, bytelevel_files_are_read_as_their_tokenizer_json,
          bytelevel_added_tokens_templates_and_small_vocabularies]


def main():
    failed, run = 0, [c for c in CLAIMS if len(sys.argv) < 3 or sys.argv[2] in c.__name__]
    for claim in run:
        wrong = claim()
        failed += wrong > 0
        if wrong:
            print(f'{claim.__name__}: {wrong} texts are unequal')
    print(f'{len(run) - failed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    DRIVER = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as SCRATCH:
        sys.exit(main())
