"""bad_model_cases.py -- the damage that bad_models.py does to golden models, and what it wants to be told.

A case is (name, base model, damage, wanted): damage(directory) works on a copy of the base model, and wanted is one of
    Refused(part, ...)    an error whose text has these parts, the file's name most often (a tuple: one of them)
    Same()                the undamaged model's vector, byte for byte
    Either()              an error that says something, or a vector of finite numbers: both are right answers
Damage by chance has fixed seeds. GROUPS, at the end, lists the functions that yield the cases.
"""
import json
import os
import random
import shutil
import struct

DEEP = '[' * 200000
HUGE_NUMBER = 2**62


# ---- what a case wants ----------------------------------------------------------------------------------------------


class Refused:
    def __init__(self, *parts):
        self.parts = parts

    def wrong(self, outcome, clean):
        if 'error' not in outcome:
            return 'found a vector, wanted an error'
        missing = [p for p in self.parts if not any(q in outcome['error'] for q in ((p,) if isinstance(p, str) else p))]
        return f'the message lacks {missing}' if missing else None


class Same:
    def wrong(self, outcome, clean):
        return None if outcome['vector'] == clean['vector'] else 'wanted the vector of the undamaged model'


class Either:
    def wrong(self, outcome, clean):
        return None


# ---- damage ---------------------------------------------------------------------------------------------------------


def read(directory, file):
    with open(os.path.join(directory, file), 'rb') as f:
        return f.read()


def write(directory, file, data):
    with open(os.path.join(directory, file), 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode('utf-8', 'surrogatepass'))


def removed(file):
    return lambda d: os.remove(os.path.join(d, file))


def replaced(file, data):
    return lambda d: write(d, file, data)


def cut(file, size):
    return lambda d: write(d, file, read(d, file)[:size])


def flipped(file, bit):
    def act(d):
        data = bytearray(read(d, file))
        data[bit // 8] ^= 1 << bit % 8
        write(d, file, bytes(data))

    return act


def changed(file, change):
    """change(value) edits the JSON in place, or returns another."""

    def act(d):
        value = json.loads(read(d, file))
        other = change(value)
        write(d, file, json.dumps(value if other is None else other))

    return act


def setting(file, key, value):
    return changed(file, lambda j: j.__setitem__(key, value))


def without(file, key):
    return changed(file, lambda j: j.pop(key) and None)


def split_safetensors(data):
    n = struct.unpack('<Q', data[:8])[0]
    return json.loads(data[8 : 8 + n]), bytearray(data[8 + n :])


def join_safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + bytes(data)


def retold(change, file='model.safetensors'):
    """change(header, data) edits both in place; what it returns, if anything, is the header's new text."""

    def act(d):
        header, data = split_safetensors(read(d, file))
        text = change(header, data)
        write(d, file, join_safetensors(text or header, data))

    return act


def tensor_lies(name, key, value):
    return retold(lambda header, data: header[name].__setitem__(key, value))


def overwritten(name, where, number, file='model.safetensors'):
    """Puts the bytes of a number at a tensor's element."""

    def change(header, data):
        at = header[name]['data_offsets'][0] + where * len(number)
        data[at : at + len(number)] = number

    return retold(change, file)


def size_of(root, base, file):
    return os.path.getsize(os.path.join(root, base, file))


# ---- the cases -----------------------------------------------------------------------------------------------------

PLAIN, SHARDED, VOCAB, SENTENCE, OLD = (
    'file-no-pooler',
    'file-sharded',
    'file-vocab-uncased',
    'sbert-two-dense',
    'sbert-old-layout',
)
WORDS = 'embeddings.word_embeddings.weight'
QUERY = 'encoder.layer.0.attention.self.query.weight'
INDEX = 'model.safetensors.index.json'
SHARD = 'model-00002-of-00003.safetensors'


def missing_files(root):
    yield 'no config.json', PLAIN, removed('config.json'), Refused('config.json')
    yield 'no weights', PLAIN, removed('model.safetensors'), Refused('model.safetensors')
    yield 'no tokenizer', PLAIN, removed('tokenizer.json'), Refused('tokenizer.json', 'vocab.txt')
    yield 'no tokenizer_config.json', PLAIN, removed('tokenizer_config.json'), Same()
    yield 'no vocab.txt', VOCAB, removed('vocab.txt'), Refused('vocab.txt')
    yield 'no shard', SHARDED, removed(SHARD), Refused(SHARD)
    yield 'no index', SHARDED, removed(INDEX), Refused('model.safetensors')
    yield 'no modules.json', SENTENCE, removed('modules.json'), Either()
    yield 'no pooling', SENTENCE, removed('1_Pooling/config.json'), Refused('1_Pooling')
    yield 'no dense config', SENTENCE, removed('2_Dense/config.json'), Refused('2_Dense')
    yield 'no dense weights', SENTENCE, removed('3_Dense/model.safetensors'), Refused('3_Dense')
    yield 'no transformer folder', OLD, lambda d: shutil.rmtree(os.path.join(d, '0_Transformer')), Refused(
        '0_Transformer'
    )
    yield 'an empty directory', PLAIN, lambda d: (shutil.rmtree(d), os.mkdir(d)), Refused('config.json')
    yield 'no directory', PLAIN, shutil.rmtree, Refused('damaged')

    def file_instead(d):
        shutil.rmtree(d)
        with open(d, 'w'):
            pass

    yield 'a file as directory', PLAIN, file_instead, Refused('damaged')


def truncated_files(root):
    chance = random.Random(1)
    for base, file in ((PLAIN, 'model.safetensors'), (SHARDED, SHARD), (SENTENCE, '2_Dense/model.safetensors')):
        size = size_of(root, base, file)
        header = 8 + struct.unpack('<Q', read(os.path.join(root, base), file)[:8])[0]
        for n in {0, 1, 7, 8, 9, header - 1, header, header + 1, size // 2, size - 1, *chance.sample(range(size), 12)}:
            yield f'{file} cut at {n}', base, cut(file, n), Refused(os.path.basename(file))
        yield f'{file} with more at its end', base, lambda d, f=file: write(d, f, read(d, f) + b'x' * 4096), Refused(
            file
        )
    for base, file in (
        (PLAIN, 'config.json'),
        (PLAIN, 'tokenizer.json'),
        (SHARDED, INDEX),
        (SENTENCE, 'modules.json'),
        (SENTENCE, '1_Pooling/config.json'),
        (SENTENCE, '2_Dense/config.json'),
        (SENTENCE, 'sentence_bert_config.json'),
        ('sbert-prompts', 'config_sentence_transformers.json'),
        (VOCAB, 'tokenizer_config.json'),
    ):
        size = len(read(os.path.join(root, base), file).rstrip())
        for n in {0, 1, size - 1, *chance.sample(range(size), 6)}:
            yield f'{file} cut at {n}', base, cut(file, n), Refused(os.path.basename(file))
    size = size_of(root, VOCAB, 'vocab.txt')
    yield 'vocab.txt empty', VOCAB, cut('vocab.txt', 0), Refused('vocab.txt')
    for n in {1, 5, 20, 31, 33, 40, size // 2, size - 1, *chance.sample(range(size), 6)}:
        yield f'vocab.txt cut at {n}', VOCAB, cut('vocab.txt', n), Either()


def flipped_bits(root):
    chance = random.Random(2)
    data = read(os.path.join(root, PLAIN), 'model.safetensors')
    header = 8 + struct.unpack('<Q', data[:8])[0]
    for bit in [
        *range(64),
        *chance.sample(range(64, header * 8), 150),
        *chance.sample(range(header * 8, len(data) * 8), 60),
    ]:
        yield f'model.safetensors, bit {bit}', PLAIN, flipped('model.safetensors', bit), Either()
    for base, file, n in (
        (PLAIN, 'tokenizer.json', 120),
        (PLAIN, 'config.json', 80),
        (SHARDED, INDEX, 60),
        (SENTENCE, 'modules.json', 60),
        (SENTENCE, '1_Pooling/config.json', 30),
        (SENTENCE, '2_Dense/config.json', 30),
        (VOCAB, 'vocab.txt', 40),
        (VOCAB, 'tokenizer_config.json', 30),
    ):
        for bit in chance.sample(range(size_of(root, base, file) * 8), n):
            yield f'{file}, bit {bit}', base, flipped(file, bit), Either()


def lying_headers(root):
    file = 'model.safetensors'
    named = Refused(file, WORDS)
    header, _ = split_safetensors(read(os.path.join(root, PLAIN), file))
    rows, width = header[WORDS]['shape']
    begin, end = header[WORDS]['data_offsets']
    for shape in (
        [rows + 1, width],
        [rows, width, 2],
        [0, width],
        [-rows, -width],
        [-1, width],
        [1.5, width],
        ['211', width],
        [None, width],
        [[rows], width],
        [HUGE_NUMBER, width],
        [HUGE_NUMBER, 4],
        [2**32, 2**32],
        [2**64, 1],
        [1] * 9,
        [1] * 70,
        [],
        'x',
        None,
        5,
        {},
    ):
        yield f'a shape of {shape}', PLAIN, tensor_lies(WORDS, 'shape', shape), Refused(file)
    for shape in ([width, rows], [rows * width], [1, rows, width]):
        yield f'a shape of {shape}', PLAIN, tensor_lies(WORDS, 'shape', shape), named
    for offsets in (
        [begin, end + 4],
        [begin + 4, end + 4],
        [begin, end - 4],
        [end, begin],
        [-4, end],
        [begin, HUGE_NUMBER],
        [HUGE_NUMBER, HUGE_NUMBER + 4],
        [2**64 - 4, 2**64],
        [begin],
        [begin, end, end],
        [],
        None,
        'x',
        [str(begin), str(end)],
        [begin + 0.5, end + 0.5],
    ):
        yield f'offsets of {offsets}', PLAIN, tensor_lies(WORDS, 'data_offsets', offsets), Refused(file)
    for dtype in ('F16', 'BF16', 'I32', 'I64', 'F64', 'U8', 'BOOL', 'F8_E4M3', 'X9', '', 'f32', 'F32\0', None, 7, []):
        yield f'a dtype of {dtype!r}', PLAIN, tensor_lies(WORDS, 'dtype', dtype), Refused(file)
    for key in ('dtype', 'shape', 'data_offsets'):
        yield f'a tensor without {key}', PLAIN, retold(lambda h, d, k=key: h[WORDS].pop(k) and None), Refused(file)
    for value in (None, [], 'x', 1):
        yield f'a tensor that is {value!r}', PLAIN, retold(lambda h, d, v=value: h.__setitem__(WORDS, v)), Refused(file)
    for name in (WORDS, QUERY, 'embeddings.LayerNorm.bias', 'encoder.layer.0.output.dense.bias'):
        yield f'no {name}', PLAIN, retold(lambda h, d, n=name: h.__setitem__('other', h.pop(n))), Refused(file, name)
    both = retold(lambda h, d: (json.dumps(h)[:-1] + f', "{QUERY}": ' + json.dumps(h[QUERY]) + '}').encode())
    yield 'a name twice', PLAIN, both, Refused(file)
    # Of the same size and dtype: a reader that trusts offsets would take one for the other.
    key = QUERY.replace('query', 'key')
    yield 'two tensors on the same bytes', PLAIN, retold(lambda h, d: h.__setitem__(key, h[QUERY])), Refused(file)
    for text in (
        b'',
        b'null',
        b'[]',
        b'{}',
        b'{',
        b'{}{}',
        b'"x"',
        DEEP.encode(),
        b'{"__metadata__": 7}',
        b'\xff\xfe',
        b'{"a":' * 1000 + b'1' + b'}' * 1000,
        b'\0' * 64,
    ):
        yield f'a header of {text[:16]!r}', PLAIN, retold(lambda h, d, t=text: t + b' '), Refused(file)
    yield 'metadata of anything', PLAIN, retold(lambda h, d: h.__setitem__('__metadata__', {'a': 'b' * 100000})), Same()
    for size in (2**64 - 1, 2**63, 2**63 - 9, 2**40, 10**8 + 1):
        yield f'a header size of {size}', PLAIN, lambda d, s=size: write(
            d, file, struct.pack('<Q', s) + read(d, file)[8:]
        ), Refused(file)
    many = retold(
        lambda h, d: [
            h.__setitem__(f't{i}', {'dtype': 'F32', 'shape': [0], 'data_offsets': [len(d), len(d)]})
            for i in range(50000)
        ]
        and None
    )
    yield '50,000 tensors of nothing', PLAIN, many, Same()


def bad_numbers(root):
    nan, infinity = struct.pack('<f', float('nan')), struct.pack('<f', float('-inf'))
    for name in (WORDS, 'embeddings.LayerNorm.weight', QUERY, 'encoder.layer.0.intermediate.dense.bias'):
        yield f'NaN in {name}', PLAIN, overwritten(name, 5, nan), Refused('model.safetensors', name)
        yield f'infinity in {name}', PLAIN, overwritten(name, 0, infinity), Refused('model.safetensors', name)
    yield 'NaN in a dense layer', SENTENCE, overwritten('linear.weight', 3, nan, '2_Dense/model.safetensors'), Refused(
        '2_Dense', 'linear.weight'
    )
    yield 'NaN in float16', 'file-f16', overwritten(QUERY, 2, b'\x01\x7e'), Refused('model.safetensors', QUERY)
    yield 'infinity in float16', 'file-f16', overwritten(QUERY, 2, b'\x00\x7c'), Refused('model.safetensors', QUERY)
    yield 'NaN in bfloat16', 'file-bf16', overwritten(QUERY, 2, b'\xc0\x7f'), Refused('model.safetensors', QUERY)
    for number in (1e38, -1e38, 1e30, 1e-40, 1e-45, 0.0):
        for name in (WORDS, 'embeddings.LayerNorm.weight', QUERY, 'encoder.layer.0.output.dense.weight'):
            everywhere = retold(
                lambda h, d, n=name, x=number: d.__setitem__(
                    slice(*h[n]['data_offsets']),
                    struct.pack('<f', x) * ((h[n]['data_offsets'][1] - h[n]['data_offsets'][0]) // 4),
                )
            )
            yield f'{number} all over {name}', PLAIN, everywhere, Either()


def config_values(root):
    file = 'config.json'
    odd = (0, -1, -(2**31), 2**31, 2**32, 2**63, 2**64, 1e300, 12.5, '12', True, [], {}, 2**20)
    for key in (
        'hidden_size',
        'num_attention_heads',
        'intermediate_size',
        'max_position_embeddings',
        'vocab_size',
        'type_vocab_size',
        'num_hidden_layers',
    ):
        for value in odd:
            wanted = Either() if key == 'num_hidden_layers' and value == 0 else Refused((file, 'model.safetensors'))
            yield f'{key} of {value!r}', PLAIN, setting(file, key, value), wanted
        yield f'no {key}', PLAIN, without(file, key), Either()
    for value in (5, 7, 12, 24, 1):
        yield f'{value} heads', PLAIN, setting(file, 'num_attention_heads', value), (
            Either() if 12 % value == 0 else Refused(file, 'num_attention_heads')
        )
    for key, near in (
        ('hidden_size', (24,)),
        ('intermediate_size', (19, 21)),
        ('max_position_embeddings', (39, 41, 400)),
        ('vocab_size', (212,)),
        ('num_hidden_layers', (2,)),
    ):
        for value in near:
            wanted = Either() if key == 'max_position_embeddings' and value == 39 else Refused('model.safetensors')
            yield f'{key} of {value}', PLAIN, setting(file, key, value), wanted
    for key, value in (
        ('hidden_size', 11),
        ('hidden_size', 13),
        ('num_hidden_layers', 1000),
        ('num_hidden_layers', 1000000),
    ):
        yield f'{key} of {value}', PLAIN, setting(file, key, value), Refused(file, key)
    yield 'a vocab_size below the tokens', PLAIN, setting(file, 'vocab_size', 210), Refused('tokenizer.json', '210')
    for value in (-1, 'x', [], 1e300, 1e400, float('nan')):
        yield f'layer_norm_eps of {value!r}', PLAIN, setting(file, 'layer_norm_eps', value), Refused(file)
    yield 'layer_norm_eps of 0', PLAIN, setting(file, 'layer_norm_eps', 0), Either()
    for value in ('swish', '', 5, [], 'gelu\0', 'x' * 100000):
        yield f'hidden_act of {str(value)[:20]!r}', PLAIN, setting(file, 'hidden_act', value), Refused(
            file, 'hidden_act'
        )
    for value in ('gpt2', 'albert', 'Bert', '', 7, [], 'bert ' * 1000):
        yield f'model_type of {str(value)[:20]!r}', PLAIN, setting(file, 'model_type', value), Refused(
            file, 'model_type'
        )
    yield 'no model_type', PLAIN, without(file, 'model_type'), Either()
    yield 'relative positions', PLAIN, setting(file, 'position_embedding_type', 'relative_key'), Refused(
        file, 'relative_key'
    )
    yield 'a decoder', PLAIN, setting(file, 'is_decoder', True), Either()
    yield 'labels without end', PLAIN, setting(file, 'id2label', {str(i): 'x' * 100 for i in range(50000)}), Either()
    yield 'labels that are none', PLAIN, setting(file, 'id2label', [1, 2]), Either()


def odd_json(root):
    for base, file in (
        (PLAIN, 'config.json'),
        (PLAIN, 'tokenizer.json'),
        (SHARDED, INDEX),
        (SENTENCE, 'modules.json'),
        (SENTENCE, '1_Pooling/config.json'),
        (SENTENCE, '3_Dense/config.json'),
        (SENTENCE, 'sentence_bert_config.json'),
        ('sbert-prompts', 'config_sentence_transformers.json'),
        (VOCAB, 'tokenizer_config.json'),
    ):
        name = os.path.basename(file)
        good = read(os.path.join(root, base), file)
        for title, data in (
            ('empty', b''),
            ('deep', DEEP),
            ('deep objects', '{"a":' * 100000),
            ('not UTF-8', b'{"a": "\xff\xfe\xc0"'),
            ('NUL', b'\0' * 100),
            ('two values', good + good),
            ('a comma too many', good.rstrip()[:-1] + b',' + good.rstrip()[-1:]),
            ('a string without end', '{"' + 'x' * 10**6),
            ('7', '7'),
            ('a string', '"x"'),
        ):
            yield f'{file}: {title}', base, replaced(file, data), Refused(name)
        yield f'{file}: null', base, replaced(file, 'null'), Either()
        yield f'{file}: 60 MB of spaces', base, replaced(file, good.rstrip() + b' ' * (60 << 20)), Either()
        yield f'{file}: 1,000,000 numbers', base, replaced(file, '[' + '1,' * 10**6 + '1]'), Refused(name)
        yield f'{file}: a number of 1,000,000 digits', base, replaced(file, '{"a": ' + '9' * 10**6 + '}'), Either()
        yield f'{file}: half a surrogate', base, replaced(
            file, good.rstrip()[:-1] + b', "z": "\\ud800"' + good.rstrip()[-1:] if good.strip()[:1] == b'{' else good
        ), Either()
        yield f'{file}: a byte order mark', base, replaced(file, b'\xef\xbb\xbf' + good), Either()
        yield f'{file}: spaces', base, replaced(file, b' \n\t ' + good + b'\r\n '), Same()
        if good.lstrip()[:1] == b'{':
            yield f'{file}: a key more', base, changed(
                file, lambda j: j.__setitem__('something_new', {'a': [1, None]})
            ), Same()


def other_tokenizers(root):
    file = 'tokenizer.json'

    def model(**values):
        return changed(file, lambda j: j['model'].update(values))

    def part(key, value):
        return setting(file, key, value)

    for kind, value in (
        ('Unigram', {'type': 'Unigram', 'unk_id': 0, 'vocab': [['<unk>', 0.0], ['a', -1.0]]}),
        ('WordLevel', {'type': 'WordLevel', 'vocab': {'a': 0}, 'unk_token': 'a'}),
    ):
        yield f'a {kind} tokenizer', PLAIN, part('model', value), Refused(file, kind, 'WordPiece')
    bpe = {'type': 'BPE', 'vocab': {'a': 0, 'b': 1}, 'merges': ['a b']}
    yield "BPE after BERT's normalizer", PLAIN, part('model', bpe), Refused(file, 'normalizer')
    for value in (None, [], 'x', {}, {'type': 'WordPiece'}, {'type': 7}):
        yield f'a model of {value!r}', PLAIN, part('model', value), Refused(file)
    for vocab in (None, [], 'x', ['a', 'b']):
        yield f'a vocabulary of {vocab!r}', PLAIN, model(vocab=vocab), Refused(file)

    for vocab in ({}, {'[UNK]': 0}, {'a': 0}):
        yield f'a vocabulary of {vocab!r}', PLAIN, model(vocab=vocab), Either()

    def piece(name, value):
        return changed(file, lambda j: j['model']['vocab'].__setitem__(name, value))

    for value in (-1, 2**31, 2**32, 2**40, 2**64, 1.5, '7', None, [], 10**7):
        yield f'a piece of id {value!r}', PLAIN, piece('the', value), Refused(file)
    for value in (211, 5000):
        yield f'a piece of id {value}, past the table', PLAIN, piece('the', value), Refused(file)
    yield 'two pieces of one id', PLAIN, piece('zzz', 30), Either()
    yield 'an empty piece', PLAIN, piece('', 30), Either()
    yield 'a piece of a megabyte', PLAIN, piece('x' * 10**6, 30), Either()
    yield 'a piece with a NUL', PLAIN, piece('a\0b', 30), Either()
    for name in ('[UNK]', '[CLS]', '[SEP]'):
        yield f'no {name} in the vocabulary', PLAIN, changed(
            file, lambda j, n=name: j['model']['vocab'].pop(n) and None
        ), Either()
    yield 'an unknown piece of another name', PLAIN, model(unk_token='<unk>'), Either()
    yield 'no unknown piece', PLAIN, model(unk_token=None), Either()
    for prefix in ('', '@@', None, 7, '#' * 1000):
        yield f'a prefix of {str(prefix)[:9]!r}', PLAIN, model(continuing_subword_prefix=prefix), Either()
    for value in (0, -1, 1, 2**31, 2**64, 'x', 1.5):
        yield f'words of {value!r} letters', PLAIN, model(max_input_chars_per_word=value), Either()
    for key, values in (
        (
            'normalizer',
            (
                {'type': 'Precompiled', 'precompiled_charsmap': ''},
                {'type': 'NFKC'},
                {'type': 'X'},
                {'type': 'Sequence', 'normalizers': [{'type': 'X'}]},
                {},
                'x',
                7,
            ),
        ),
        (
            'pre_tokenizer',
            ({'type': 'ByteLevel', 'add_prefix_space': False}, {'type': 'Metaspace'}, {'type': 'X'}, {}, 'x'),
        ),
        (
            'post_processor',
            (
                {'type': 'X'},
                {'type': 'TemplateProcessing'},
                {},
                'x',
                7,
                {'type': 'BertProcessing', 'sep': ['x', 2**40], 'cls': ['y', -1]},
                {'type': 'TemplateProcessing', 'single': [], 'pair': [], 'special_tokens': {}},
                {
                    'type': 'TemplateProcessing',
                    'single': [{'SpecialToken': {'id': 'q', 'type_id': 0}}],
                    'pair': [],
                    'special_tokens': {},
                },
            ),
        ),
        (
            'added_tokens',
            (
                7,
                'x',
                [7],
                [{}],
                [{'id': -1, 'content': 'x'}],
                [{'id': 2**40, 'content': 'x'}],
                [{'id': 9999, 'content': 'train', 'special': True}],
            ),
        ),
    ):
        for value in values:
            yield f'a {key} of {json.dumps(value)[:60]}', PLAIN, part(key, value), (
                Refused(file) if isinstance(value, (str, int)) else Either()
            )
        yield f'no {key}', PLAIN, part(key, None), Either()
    for content in ('', ' ', '\0', 'x' * 10**5):
        added = [
            {
                'id': 9,
                'content': content,
                'special': True,
                'single_word': False,
                'lstrip': False,
                'rstrip': False,
                'normalized': False,
            }
        ]
        yield f'an added token {content[:9]!r}', PLAIN, part('added_tokens', added), Either()
    huge = {
        'type': 'TemplateProcessing',
        'pair': [],
        'special_tokens': {'[CLS]': {'id': '[CLS]', 'ids': [2], 'tokens': ['[CLS]']}},
        'single': [{'SpecialToken': {'id': '[CLS]', 'type_id': 0}}] * 100 + [{'Sequence': {'id': 'A', 'type_id': 0}}],
    }
    yield 'a template longer than the window', PLAIN, part('post_processor', huge), Either()
    for value in (2, 7, 255, 256, 2**40, -1):
        odd = {
            'type': 'TemplateProcessing',
            'pair': [],
            'single': [{'Sequence': {'id': 'A', 'type_id': value}}],
            'special_tokens': {},
        }
        yield f'a segment of {value}', PLAIN, part('post_processor', odd), Refused(file)
    for value in (210, 211, 5000, 2**31 - 1, 2**31, -1):
        ends = changed(file, lambda j, v=value: j['post_processor']['special_tokens']['[SEP]'].__setitem__('ids', [v]))
        yield f'a [SEP] of id {value}', PLAIN, ends, Either() if value == 210 else Refused(file)
    yield 'two texts in a single template', PLAIN, changed(
        file, lambda j: j['post_processor'].__setitem__('single', j['post_processor']['single'] * 2)
    ), Either()
    yield 'nothing around a text', PLAIN, changed(
        file, lambda j: j['post_processor'].__setitem__('single', [{'Sequence': {'id': 'A', 'type_id': 0}}])
    ), Refused('damaged')
    yield 'nothing of a pair', PLAIN, changed(file, lambda j: j['post_processor'].__setitem__('pair', [])), Same()
    yield 'nothing of a text', PLAIN, changed(
        file, lambda j: j['post_processor'].__setitem__('single', j['post_processor']['single'][:1])
    ), Either()
    yield 'a pair, where the model knows one segment', 'file-one-type', lambda d: None, Same()
    yield 'truncation and padding of anything', PLAIN, changed(
        file,
        lambda j: j.update(
            truncation={'max_length': 3, 'strategy': 'OnlyFirst', 'stride': 9}, padding={'strategy': {'Fixed': 10**9}}
        ),
    ), Same()


def vocabularies(root):
    pieces = read(os.path.join(root, VOCAB), 'vocab.txt').decode().split('\n')[:-1]

    def listed(more):
        return replaced('vocab.txt', ''.join(p + '\n' for p in more))

    yield 'more pieces than the table', VOCAB, listed(pieces + ['zz1', 'zz2']), Refused('vocab.txt')
    yield 'fewer pieces than the table', VOCAB, listed(pieces[:-3]), Either()
    yield 'pieces that come twice', VOCAB, listed(pieces[:-1] + ['[CLS]']), Either()
    yield 'no special pieces', VOCAB, listed(['x' + p for p in pieces]), Refused('vocab.txt')
    yield 'lines that end in CR LF', VOCAB, replaced('vocab.txt', '\r\n'.join(pieces) + '\r\n'), Either()
    yield 'no newline at the end', VOCAB, replaced('vocab.txt', '\n'.join(pieces)), Same()
    yield 'pieces that are not UTF-8', VOCAB, replaced(
        'vocab.txt', '\n'.join(pieces[:-1]).encode() + b'\n\xff\xfe\n'
    ), Either()
    yield 'a line of 30 MB', VOCAB, replaced('vocab.txt', '\n'.join(pieces[:-1]) + '\n' + 'x' * (30 << 20)), Either()
    yield '5,000,000 lines of nothing', VOCAB, replaced('vocab.txt', '\n' * 5000000), Refused('vocab.txt')
    for key, values in (
        ('do_lower_case', ('x', 7, [], None)),
        ('unk_token', (7, [], 'nosuch', None, {'content': '[UNK]'}, {})),
        ('cls_token', ('nosuch', 7)),
        ('model_max_length', (0, -1, 2, 10**30, 'x', 1e400)),
        ('tokenizer_class', ('RobertaTokenizer', 7, 'GPT2Tokenizer')),
        ('strip_accents', ('x', 5)),
    ):
        for value in values:
            yield f'{key} of {value!r}', VOCAB, setting('tokenizer_config.json', key, value), Either()


def ways_out(root):
    outside = (
        '../secret.safetensors',
        '../../x',
        '/etc/passwd',
        '..',
        '.',
        '',
        'a/../../x',
        './../x',
        '..\\x',
        'a\\b',
        '1_Pooling/../../x',
        '\0',
        'x' * 5000,
        '~/x',
        7,
        None,
        [],
    )
    for path in outside:
        shown = str(path)[:20]

        def leak(d, p=path):  # a good file lies where the path leads, and must not be read
            shutil.copy(os.path.join(d, SHARD), os.path.join(d, '..', 'secret.safetensors'))
            changed(INDEX, lambda j: j['weight_map'].__setitem__(QUERY, p))(d)

        yield f'{shown!r} in the index', SHARDED, leak, Refused(INDEX)
    yield 'another shard in the index', SHARDED, changed(
        INDEX,
        lambda j: j['weight_map'].__setitem__(
            WORDS, next(f for f in sorted(set(j['weight_map'].values())) if f != j['weight_map'][WORDS])
        ),
    ), Refused(WORDS)
    for value in (None, [], 'x'):
        yield f'a weight_map of {value!r}', SHARDED, setting(INDEX, 'weight_map', value), Refused(INDEX)
    yield 'an empty weight_map', SHARDED, setting(INDEX, 'weight_map', {}), Refused('word_embeddings')
    yield 'a tensor that no shard has', SHARDED, changed(
        INDEX, lambda j: j['weight_map'].__setitem__('nothing', SHARD)
    ), Either()
    yield '100,000 shards', SHARDED, changed(
        INDEX, lambda j: j['weight_map'].update({f't{i}': f'model-{i}.safetensors' for i in range(100000)})
    ), Refused('safetensors')
    for path in outside:
        if path in ('', '.', '~/x', None):
            continue
        shown = str(path)[:20]
        for i in range(3):
            yield f'{shown!r} as module {i}', SENTENCE, changed(
                'modules.json', lambda j, i=i, p=path: j[i].__setitem__('path', p)
            ), Refused('modules.json')


def odd_modules(root):
    file = 'modules.json'

    def order(*places):
        return changed(file, lambda j: [j[i] for i in places])

    for places in (
        (),
        (0,),
        (1,),
        (1, 0),
        (0, 0, 1),
        (0, 1, 1),
        (0, 2, 1),
        (2, 0, 1),
        (0, 1, 4, 2),
        (0, 1, 3, 2),
        (4, 4, 4),
    ):
        yield f'modules {places}', SENTENCE, order(*places), Either()
    for kind in (
        'sentence_transformers.models.LSTM',
        'os.system',
        '',
        7,
        None,
        'sentence_transformers.models.CNN',
        'mine.Pooling',
    ):
        yield f'a module of type {kind!r}', SENTENCE, changed(
            file, lambda j, k=kind: j[2].__setitem__('type', k)
        ), Refused(file)
    for value in ([], {}, 7, [7], [[]], [{}], [None]):
        yield f'modules of {value!r}', SENTENCE, replaced(file, json.dumps(value)), Refused((file, 'Transformer'))
    pooling = '1_Pooling/config.json'
    for key, value in (
        ('word_embedding_dimension', 13),
        ('word_embedding_dimension', -1),
        ('pooling_mode_mean_tokens', 'x'),
        ('include_prompt', 7),
        ('pooling_mode', 'nosuch'),
        ('pooling_mode', 7),
        ('pooling_mode', []),
        ('pooling_mode', ['mean', 'nosuch']),
        ('pooling_mode', ['mean'] * 1000),
    ):
        yield f'{key} of {str(value)[:30]}', SENTENCE, setting(pooling, key, value), Either()
    dense = '2_Dense/config.json'
    for key, values in (
        ('in_features', (0, -1, 23, 25, 2**31, 2**62, '24', None)),
        ('out_features', (0, -1, 14, 16, 2**31, 2**62, '15', None)),
        ('activation_function', ('os.system', 'torch.nn.modules.activation.Nothing', '', 7, 'x' * 10**5)),
        ('bias', ('x', 7, True)),
    ):
        for value in values:
            yield f'{key} of {str(value)[:30]!r}', SENTENCE, setting(dense, key, value), Refused('2_Dense')
    yield 'a residual', SENTENCE, setting(dense, 'use_residual', True), Refused(dense, 'use_residual')
    yield 'a dense layer of tokens', SENTENCE, setting(dense, 'module_input_name', 'token_embeddings'), Refused(
        dense, 'module_input_name'
    )
    for value in (0, -5, 10**9, 2**40, 'x', [], 1.5, 1, 2):
        yield f'max_seq_length of {value!r}', SENTENCE, setting(
            'sentence_bert_config.json', 'max_seq_length', value
        ), Either()
    prompts = 'config_sentence_transformers.json'
    for value in (
        [],
        'x',
        {'query': 7},
        {'query': None},
        {'query': 'x' * 10**6},
        {str(i): 'x' for i in range(10000)},
        {'': 'x'},
    ):
        yield f'prompts of {str(value)[:30]}', 'sbert-prompts', setting(prompts, 'prompts', value), Either()
    for value in ('nosuch', 7, '', []):
        yield f'a default prompt {value!r}', 'sbert-prompts', setting(prompts, 'default_prompt_name', value), Either()


def other_things(root):
    """Directories, FIFOs, devices, loops and forbidden files where a file should be."""

    def put(file, make):
        def act(d):
            path = os.path.join(d, file)
            os.remove(path)
            make(path)

        return act

    for base, file in (
        (PLAIN, 'config.json'),
        (PLAIN, 'model.safetensors'),
        (PLAIN, 'tokenizer.json'),
        (SHARDED, SHARD),
        (SHARDED, INDEX),
        (VOCAB, 'vocab.txt'),
        (SENTENCE, 'modules.json'),
        (SENTENCE, '1_Pooling/config.json'),
        (SENTENCE, '2_Dense/model.safetensors'),
        (VOCAB, 'tokenizer_config.json'),
        (SENTENCE, 'sentence_bert_config.json'),
    ):
        name = os.path.basename(file)
        optional = name in ('tokenizer_config.json', 'sentence_bert_config.json', 'modules.json')
        for kind, make in (
            ('a directory', os.mkdir),
            ('a FIFO', os.mkfifo),
            ('a loop', lambda p: os.symlink(p, p)),
            ('/dev/zero', lambda p: os.symlink('/dev/zero', p)),
            ('nothing', lambda p: os.symlink('/nothing', p)),
        ):
            yield f'{kind} as {file}', base, put(file, make), Refused(name) if not optional else Either()
        yield f'{file} forbidden', base, lambda d, f=file: os.chmod(os.path.join(d, f), 0), Refused(name)
    yield 'a forbidden directory', PLAIN, lambda d: os.chmod(d, 0), Refused('damaged')


GROUPS = (
    missing_files,
    truncated_files,
    flipped_bits,
    lying_headers,
    bad_numbers,
    config_values,
    odd_json,
    other_tokenizers,
    vocabularies,
    ways_out,
    odd_modules,
    other_things,
)
