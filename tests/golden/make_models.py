"""make_models.py -- makes tests/golden/models: tiny random models with the answers of transformers and
sentence-transformers.

    python make_models.py               writes models/ beside this file, anew (about a minute)
    python make_models.py NAME ...      only these
    python make_models.py --large DIR   random models of real sizes (BERT-base, -large, multilingual) into DIR, for
                                        checks by hand: up to 1.3 GB each, never committed

Run by a developer, once; the tests read what it wrote (check.py says how). Made with Python 3.11, torch 2.15.0,
transformers 5.23.0, sentence-transformers 6.2.0, tokenizers 0.23.3, safetensors 0.8.0, numpy 2.4.6. The weights depend
on the seeds below and numpy's PCG64 alone; the expected numbers on those versions to about 1e-6.

A model directory is what users have (config.json, model.safetensors, tokenizer.json, modules.json ...) and two more:

    expected.json   {"scale": "unit" or "wild", "dimensions": n, "window": tokens, "made_with": {...}, "rows": [
                       {"text", "pair" or null, "prompt" or null,
                        "ids", "types", "offsets" (code points), "total",       once for a text
                        "embedding": A,                                         without pair
                        "hidden": {"0": A, ...}} ]}                             for some rows
    expected.bin    little-endian float32; A is [first number, shape ...] in it

 - ids are cut to the model's window (longest_first for pairs), total counts them before; neither has the prompt.
 - hidden[i] are transformers' hidden_states[i] in float32 for the text without prompt; 0 is the embeddings' LayerNorm.
 - embedding is SentenceTransformer(directory).encode(text), float32 on the CPU, one text at a time. Without
   modules.json that is mean pooling of the last hidden states, not normalised. A prompt that the model names is
   given as prompt_name, any other as literal prompt; null leaves the choice to the model (default_prompt_name),
   "" is none.

Every reference runs in float64 too: where float32 itself is further than a tenth of the tolerance from it, the model
is a bad measure and making it fails."""

import argparse
import json
import math
import os
import shutil
import zlib

import numpy as np
import safetensors.torch
import torch
import transformers
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, models as tokenizer_models
from transformers import BertConfig, BertModel

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
CORPUS = open(os.path.join(HERE, 'corpus.txt'), encoding='utf-8').read()

SHORT = [
    '',
    'river',
    'The train to Genève leaves at 7:45.',
    'She asked how to reset a password, and who wrote the letter?',
    'Playing music quietly, the students\twere   learning!',
    'À l\'été: niño, Äpfel, Straße & ΘΆΛΑΣΣΑ',
    '今天天气很好 in 東京',
    'unbelievably xylophonic zzz ก 🙂',
    'The capital is [MASK] [SEP] of the country',
    'Большая река течёт через старый город к морю, and the old bridge is under water again.',
]
PAIRS = [
    ('Where does the river begin?', 'The river begins in the mountains, and it carries small boats to the sea.'),
    ('books', ''),
    ('', 'books'),
    ('The committee read the report twice.', ' '.join(CORPUS.split()[:120])),
]
LONG = ' '.join(CORPUS.split()[40:160])


# ---- vocabulary and tokenizer ---------------------------------------------------------------------------------------


def normalizer(lowercase, strip_accents=None, chinese=True):
    return normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip_accents, lowercase=lowercase
    )


def make_vocabulary(size, lowercase):
    """The corpus' characters alone and inside words, then its words and word ends by falling count."""
    text = normalizer(lowercase).normalize_str(CORPUS)
    words, ends = {}, {}
    for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text):
        words[word] = words.get(word, 0) + 1
        for i in range(1, len(word)):
            ends['##' + word[i:]] = ends.get('##' + word[i:], 0) + 1
    letters = sorted({c for word in words for c in word})
    count = {**{w: n for w, n in words.items() if len(w) > 1}, **{w: n - 0.5 for w, n in ends.items() if len(w) > 3}}
    pieces = SPECIAL + letters + ['##' + c for c in letters if c.isalpha() and c < '\u4e00']
    pieces += sorted(count, key=lambda w: (-count[w] * min(len(w), 5), w))
    return list(dict.fromkeys(pieces))[:size]


def make_tokenizer(vocabulary, normal):
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    t = Tokenizer(tokenizer_models.WordPiece(ids, unk_token='[UNK]', max_input_chars_per_word=100))
    t.normalizer, t.pre_tokenizer = normal, pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(
        single='[CLS]:0 $A:0 [SEP]:0',
        pair='[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1',
        special_tokens=[('[CLS]', ids['[CLS]']), ('[SEP]', ids['[SEP]'])],
    )
    t.add_special_tokens(SPECIAL)
    return t


# ---- weights --------------------------------------------------------------------------------------------------------


def random_state(config, seed, wild, pooler=True):
    """Tensors by their transformers names. Attention must look at something and LayerNorms must be told apart,
    so nothing here is near its usual initial value."""
    rng = np.random.default_rng(seed)
    grow = 4 if wild else 1

    def normal(*shape, scale):
        return torch.from_numpy((rng.standard_normal(shape) * scale).astype(np.float32))

    model = BertModel(config, add_pooling_layer=pooler)
    state = {}
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        if name.endswith('LayerNorm.weight'):
            t = 1 + normal(*shape, scale=0.15)
            if wild:
                t = t * torch.exp(normal(*shape, scale=0.8))
                t[3] = 25.0
        elif name.endswith('LayerNorm.bias'):
            t = normal(*shape, scale=0.1 * grow)
        elif name.startswith('embeddings.'):
            t = normal(*shape, scale=0.6 * grow)
        elif name.endswith('.bias'):
            t = normal(*shape, scale=0.2 * grow)
        else:
            t = normal(*shape, scale=(1.5 if 'attention.self' in name else 1.1) / math.sqrt(shape[1]))
            if wild:
                t = t * (1.5 if 'attention.self' in name else 3)
        state[name] = t
    return state


def dense_state(rng, columns, rows, bias):
    state = {
        'linear.weight': torch.from_numpy(
            (rng.standard_normal((rows, columns)) / math.sqrt(columns)).astype(np.float32)
        )
    }
    if bias:
        state['linear.bias'] = torch.from_numpy((rng.standard_normal(rows) * 0.3).astype(np.float32))
    return state


# ---- files ----------------------------------------------------------------------------------------------------------


def write_json(path, value, **kw):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, **kw)
        f.write('\n')


def save_weights(directory, state, shards=1):
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    if shards == 1:
        safetensors.torch.save_file(state, os.path.join(directory, 'model.safetensors'), metadata={'format': 'pt'})
        return
    names, where = list(state), {}
    for i in range(shards):
        part = names[i::shards]  # a layer's tensors lie in different files
        file = f'model-{i + 1:05}-of-{shards:05}.safetensors'
        safetensors.torch.save_file(
            {n: state[n] for n in part}, os.path.join(directory, file), metadata={'format': 'pt'}
        )
        where.update({n: file for n in part})
    total = sum(t.numel() * t.element_size() for t in state.values())
    write_json(
        os.path.join(directory, 'model.safetensors.index.json'),
        {'metadata': {'total_size': total}, 'weight_map': dict(sorted(where.items()))},
        indent=1,
    )


def save_modules(directory, sbert, hidden, rng):
    """The files of a sentence-transformers directory, as its versions 2 to 5 write them."""
    modules = [('', 'Transformer')]
    if sbert.get('old'):
        modules = [('0_Transformer', 'Transformer')]
    pooling = sbert['pooling']
    keys = {
        'cls': 'cls_token',
        'mean': 'mean_tokens',
        'max': 'max_tokens',
        'mean_sqrt_len_tokens': 'mean_sqrt_len_tokens',
        'weightedmean': 'weightedmean_tokens',
        'lasttoken': 'lasttoken',
    }
    if sbert.get('new_keys'):  # version 6: an ordered list
        config = {'embedding_dimension': hidden, 'pooling_mode': pooling, 'include_prompt': True}
    else:
        config = {'word_embedding_dimension': hidden, **{'pooling_mode_' + k: m in pooling for m, k in keys.items()}}
        if 'include_prompt' in sbert:
            config['include_prompt'] = sbert['include_prompt']
    modules.append(('1_Pooling', 'Pooling'))
    os.makedirs(os.path.join(directory, '1_Pooling'))
    write_json(os.path.join(directory, '1_Pooling/config.json'), config, indent=1)
    width = hidden * len(pooling)
    for out, activation, bias in sbert.get('dense', []):
        folder = f'{len(modules)}_Dense'
        modules.append((folder, 'Dense'))
        os.makedirs(os.path.join(directory, folder))
        write_json(
            os.path.join(directory, folder, 'config.json'),
            {'in_features': width, 'out_features': out, 'bias': bias, 'activation_function': activation},
            indent=1,
        )
        save_weights(os.path.join(directory, folder), dense_state(rng, width, out, bias))
        width = out
    if sbert.get('normalize'):
        modules.append((f'{len(modules)}_Normalize', 'Normalize'))
    package = 'sentence_transformers.models.'
    write_json(
        os.path.join(directory, 'modules.json'),
        [{'idx': i, 'name': str(i), 'path': p, 'type': package + t} for i, (p, t) in enumerate(modules)],
        indent=1,
    )
    transformer = os.path.join(directory, modules[0][0])
    write_json(
        os.path.join(transformer, 'sentence_bert_config.json'),
        {'max_seq_length': sbert.get('max_seq_length'), 'do_lower_case': sbert.get('do_lower_case', False)},
        indent=1,
    )
    if 'prompts' in sbert:
        write_json(
            os.path.join(directory, 'config_sentence_transformers.json'),
            {
                'prompts': sbert['prompts'],
                'default_prompt_name': sbert.get('default_prompt'),
                'similarity_fn_name': 'cosine',
            },
            indent=1,
        )


def save_model(directory, m, state, config):
    """Writes the directory that m describes; returns the weights as a reader of the files gets them."""
    transformer = os.path.join(directory, '0_Transformer') if m.get('sbert', {}).get('old') else directory
    os.makedirs(transformer)
    kind = {'f16': torch.float16, 'bf16': torch.bfloat16}
    stored = {}
    for i, (name, tensor) in enumerate(state.items()):
        dtype = m.get('dtype', 'f32')
        if dtype == 'mixed':
            dtype = ('f32', 'f16', 'bf16')[i % 3]
        stored[name] = tensor.to(kind.get(dtype, torch.float32))
        state[name] = stored[name].float()
    if m.get('gamma'):
        stored = {
            n.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): t
            for n, t in stored.items()
        }
    if m.get('position_ids'):
        stored['embeddings.position_ids'] = torch.arange(config.max_position_embeddings)[None]
    if m.get('prefix'):
        stored = {'bert.' + n: t for n, t in stored.items()}
    if m.get('cls'):
        H, V = config.hidden_size, config.vocab_size
        stored['cls.predictions.bias'] = torch.full((V,), 7.0)
        stored['cls.predictions.transform.dense.weight'] = torch.full((H, H), 7.0)
        stored['cls.predictions.transform.dense.bias'] = torch.full((H,), 7.0)
        norm = ('gamma', 'beta') if m.get('gamma') else ('weight', 'bias')
        for part in norm:
            stored['cls.predictions.transform.LayerNorm.' + part] = torch.full((H,), 7.0)
        stored['cls.seq_relationship.weight'] = torch.full((2, H), 7.0)
        stored['cls.seq_relationship.bias'] = torch.full((2,), 7.0)
    save_weights(transformer, stored, m.get('shards', 1))

    written = {'architectures': [m.get('architecture', 'BertModel')], 'model_type': 'bert'}
    for key in (
        'attention_probs_dropout_prob',
        'hidden_act',
        'hidden_dropout_prob',
        'hidden_size',
        'initializer_range',
        'intermediate_size',
        'layer_norm_eps',
        'max_position_embeddings',
        'num_attention_heads',
        'num_hidden_layers',
        'pad_token_id',
        'type_vocab_size',
        'vocab_size',
    ):
        written[key] = getattr(config, key)
    write_json(os.path.join(transformer, 'config.json'), written, indent=1)

    normal = normalizer(m.get('lowercase', True), m.get('strip_accents'), m.get('chinese', True))
    tokenizer = make_tokenizer(m['pieces'], normal)
    if m.get('tokenizer_padding'):
        tokenizer.enable_truncation(9)
        tokenizer.enable_padding(length=9)
    files = m.get('tokenizer_files', ('json', 'config'))
    if 'json' in files:
        with open(os.path.join(transformer, 'tokenizer.json'), 'w', encoding='utf-8') as f:
            f.write(tokenizer.to_str())
    if 'vocab' in files:
        pieces = m['pieces']
        if 'json' in files:  # tokenizer.json wins: this one is of other pieces, in another order
            pieces = SPECIAL + pieces[:4:-1]
        with open(os.path.join(transformer, 'vocab.txt'), 'w', encoding='utf-8') as f:
            f.write(''.join(p + '\n' for p in pieces))
    if 'config' in files:
        settings = {
            'tokenizer_class': 'BertTokenizer',
            'do_lower_case': m.get('lowercase', True),
            'strip_accents': m.get('strip_accents'),
            'tokenize_chinese_chars': m.get('chinese', True),
            'model_max_length': config.max_position_embeddings,
        }
        settings.update(
            {k: v for k, v in zip(('pad_token', 'unk_token', 'cls_token', 'sep_token', 'mask_token'), SPECIAL)}
        )
        write_json(os.path.join(transformer, 'tokenizer_config.json'), settings, indent=1)


# ---- answers --------------------------------------------------------------------------------------------------------


class Answers:
    """Rows with their vectors packed end to end."""

    def __init__(self):
        self.rows, self.numbers, self.count = [], [], 0

    def pack(self, array):
        array = np.ascontiguousarray(array, dtype='<f4')
        at = [self.count, *array.shape]
        self.numbers.append(array.ravel())
        self.count += array.size
        return at

    def write(self, directory, head):
        with open(os.path.join(directory, 'expected.json'), 'w', encoding='utf-8') as f:
            f.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [\n')
            f.write(',\n'.join(json.dumps(r, ensure_ascii=False, separators=(',', ':')) for r in self.rows) + '\n]}\n')
        with open(os.path.join(directory, 'expected.bin'), 'wb') as f:
            f.write(np.concatenate(self.numbers).tobytes())


def encode(tokenizer, text, pair, **how):
    """As a batch of one: only there does transformers tell an empty pair from none."""
    found = tokenizer(
        [text], None if pair is None else [pair], return_offsets_mapping=True, return_token_type_ids=True, **how
    )
    return {key: values[0] for key, values in found.items()}


def hidden_states(model, encoded):
    inputs = {k: torch.tensor([encoded[k]]) for k in ('input_ids', 'token_type_ids', 'attention_mask')}
    with torch.no_grad():
        return [h[0] for h in model(**inputs, output_hidden_states=True).hidden_states]


def embed(st, text, prompt):
    if prompt is None:
        return st.encode(text, show_progress_bar=False)
    if prompt in st.prompts:
        return st.encode(text, prompt_name=prompt, show_progress_bar=False)
    return st.encode(text, prompt=prompt, show_progress_bar=False)


def well_conditioned(name, single, double, wild):
    """Is float32 itself at least ten times as near to float64 as we must be to float32?"""
    for f32, f64 in zip(single, double):
        scale = f64.abs().amax(-1, keepdim=True) * 2e-3 if wild else torch.full_like(f64[..., :1], 1e-4)
        worst = ((f32.double() - f64).abs() / scale).max().item()
        assert worst < 0.1, f'{name}: float32 uses up {worst:.2f} of the tolerance; choose another seed'


def make_answers(directory, m, state, config):
    st = SentenceTransformer(directory, device='cpu', model_kwargs={'dtype': torch.float32})
    tokenizer = st[0].tokenizer
    window = st.max_seq_length
    model = st[0].model.eval()
    loaded = model.state_dict()
    for name, tensor in state.items():  # the reader understood the files as they were meant
        assert torch.equal(loaded[name], tensor), f'{m["name"]}: {name}'
    double = BertModel(config, add_pooling_layer=False).double().eval()
    double.load_state_dict({n: t.double() for n, t in state.items() if not n.startswith('pooler.')})

    answers = Answers()
    rows = [(t, None, p) for t in m['texts'] for p in m.get('prompts', [None])] + [
        (a, b, None) for a, b in m.get('pairs', [])
    ]
    for i, (text, pair, prompt) in enumerate(rows):
        row = {'text': text, 'pair': pair, 'prompt': prompt}
        if prompt == m.get('prompts', [None])[0]:  # tokens are the same with every prompt: said once
            encoded = encode(tokenizer, text, pair, truncation='longest_first', max_length=window)
            row.update(
                ids=encoded['input_ids'],
                types=encoded['token_type_ids'],
                offsets=[list(o) for o in encoded['offset_mapping']],
                total=len(encode(tokenizer, text, pair, truncation=False, verbose=False)['input_ids']),
            )
        if pair is None:
            row['embedding'] = answers.pack(embed(st, text, prompt))
        if m.get('hidden', 'all') == 'all' or i in m['hidden']:
            single = hidden_states(model, encoded)
            well_conditioned(m['name'], single, hidden_states(double, encoded), m.get('wild'))
            layers = range(len(single)) if i in (2, len(rows) - 1) else [len(single) - 1]
            row['hidden'] = {str(l): answers.pack(single[l].numpy()) for l in layers}
        answers.rows.append(row)
    dimensions = len(embed(st, 'x', None))
    answers.write(
        directory,
        {
            'scale': 'wild' if m.get('wild') else 'unit',
            'dimensions': dimensions,
            'window': window,
            'made_with': {
                'transformers': transformers.__version__,
                'torch': torch.__version__.split('+')[0],
                'sentence_transformers': __import__('sentence_transformers').__version__,
                'seed': m['seed'],
            },
        },
    )


# ---- the models -----------------------------------------------------------------------------------------------------

TANH, IDENTITY = 'torch.nn.modules.activation.Tanh', 'torch.nn.modules.linear.Identity'
PROMPTS = {'query': 'search for: ', 'passage': 'Passage: ', 'none': ''}


def catalogue():
    """Every model: its name, sizes (H A L F V P) and what is particular about it."""
    encoder = dict(pairs=PAIRS, texts=SHORT + [LONG])
    yield dict(name='bert-uncased', sizes=(24, 4, 3, 50, 290, 64), **encoder)
    yield dict(name='bert-cased', sizes=(20, 5, 2, 50, 330, 64), lowercase=False, **encoder)
    few = dict(pairs=PAIRS[:1], texts=SHORT[:7:2] + [SHORT[-1], LONG])
    yield dict(name='bert-gelu-new', sizes=(16, 2, 2, 36, 271, 48), activation='gelu_new', **few)
    yield dict(name='bert-relu', sizes=(16, 4, 2, 33, 273, 48), activation='relu', epsilon=0.01, **few)
    yield dict(name='bert-one-layer', sizes=(8, 1, 1, 24, 301, 48), **few)
    yield dict(name='bert-four-layers', sizes=(18, 6, 4, 19, 251, 48), no_pooler=True, **few)
    yield dict(name='bert-head-6', sizes=(30, 5, 2, 46, 217, 40), no_pooler=True, **few)
    yield dict(name='bert-head-7', sizes=(7, 1, 2, 13, 303, 48), **few)
    yield dict(
        name='bert-head-64',
        sizes=(128, 2, 1, 36, 171, 24),
        dtype='bf16',
        no_pooler=True,
        pairs=PAIRS[:1],
        texts=SHORT[2:4] + [LONG],
        hidden=[0, 3],
    )
    yield dict(
        name='bert-head-80',
        sizes=(80, 1, 2, 25, 171, 24),
        dtype='f16',
        no_pooler=True,
        pairs=PAIRS[:1],
        texts=SHORT[2:4] + [LONG],
        hidden=[0, 3],
    )
    yield dict(
        name='bert-512', sizes=(8, 2, 2, 20, 401, 512), hidden=[1, 2], texts=[SHORT[3], CORPUS[:1000], CORPUS * 2]
    )
    yield dict(name='bert-wild', sizes=(24, 3, 4, 40, 220, 48), wild=True, no_pooler=True, seed=3, **few)

    files = dict(sizes=(12, 3, 1, 20, 211, 40), texts=[SHORT[2], SHORT[5], LONG], hidden=[0, 3], pairs=PAIRS[:1])
    yield dict(name='file-f16', dtype='f16', **files)
    yield dict(name='file-bf16', dtype='bf16', **files)
    yield dict(name='file-mixed', dtype='mixed', **files)
    yield dict(name='file-sharded', shards=3, **files)
    yield dict(name='file-prefix', prefix=True, **files)
    yield dict(name='file-gamma', prefix=True, gamma=True, cls=True, architecture='BertForPreTraining', **files)
    yield dict(name='file-masked-lm', prefix=True, cls=True, no_pooler=True, architecture='BertForMaskedLM', **files)
    yield dict(name='file-no-pooler', no_pooler=True, **files)
    yield dict(name='file-position-ids', position_ids=True, **files)
    yield dict(name='file-one-type', types=1, **{**files, 'pairs': []})
    vocab = dict(files, texts=SHORT[1:8])
    yield dict(name='file-vocab-uncased', tokenizer_files=('vocab', 'config'), **vocab)
    yield dict(name='file-vocab-cased', tokenizer_files=('vocab', 'config'), lowercase=False, **vocab)
    yield dict(
        name='file-vocab-accents', tokenizer_files=('vocab', 'config'), strip_accents=False, chinese=False, **vocab
    )
    yield dict(name='file-vocab-alone', tokenizer_files=('vocab',), **vocab)
    yield dict(name='file-both', tokenizer_files=('json', 'vocab', 'config'), **vocab)

    sentences = dict(sizes=(12, 2, 1, 28, 205, 40), texts=SHORT[:4] + [SHORT[6], LONG], hidden=[2])

    def sbert(name, more=None, **s):
        return dict(name='sbert-' + name, sbert=s, **{**sentences, **(more or {})})

    yield sbert('cls', pooling=['cls'])
    yield sbert('max', pooling=['max'])
    yield sbert('mean', {'tokenizer_padding': True}, pooling=['mean'], normalize=True, max_seq_length=32)
    yield sbert('mean-sqrt-len', pooling=['mean_sqrt_len_tokens'])
    yield sbert('weightedmean', pooling=['weightedmean'], normalize=True)
    yield sbert('lasttoken', pooling=['lasttoken'])
    yield sbert('mean-and-max', pooling=['mean', 'max'], normalize=True)
    yield sbert('ordered', pooling=['mean', 'cls'], new_keys=True)
    yield sbert('dense-tanh', pooling=['mean'], dense=[(9, TANH, True)])
    yield sbert('dense-identity', pooling=['cls'], dense=[(17, IDENTITY, False)], normalize=True)
    yield sbert('two-dense', pooling=['mean', 'cls'], dense=[(15, TANH, False), (5, IDENTITY, True)], normalize=True)
    yield sbert('short', {'texts': SHORT[2:] + [LONG]}, pooling=['mean'], max_seq_length=16)
    asked = {'texts': SHORT[:4] + [LONG], 'prompts': [None, 'query', 'passage', 'none', '', 'Literal words, please: ']}
    yield sbert('prompts', asked, pooling=['mean'], normalize=True, prompts=PROMPTS, default_prompt='query')
    yield sbert(
        'prompts-excluded',
        asked,
        pooling=['mean'],
        prompts=PROMPTS,
        default_prompt='passage',
        include_prompt=False,
        max_seq_length=24,
    )
    yield sbert(
        'prompts-excluded-joined',
        asked,
        prompts=PROMPTS,
        include_prompt=False,
        pooling=['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'],
    )
    yield sbert(
        'prompts-past-window',
        {**asked, 'prompts': ['words ' * 30]},
        pooling=['mean', 'max'],
        prompts={},
        include_prompt=False,
    )
    yield sbert('old-layout', old=True, pooling=['mean'], normalize=True, max_seq_length=20)
    yield sbert('lower', {'lowercase': False, 'texts': SHORT}, pooling=['mean'], do_lower_case=True)


def make(root, m):
    H, A, L, F, V, P = m['sizes']
    directory = os.path.join(root, m['name'])
    shutil.rmtree(directory, ignore_errors=True)
    seed = m.setdefault('seed', zlib.crc32(m['name'].encode()))  # stays when models are added
    m['pieces'] = make_vocabulary(V, m.get('lowercase', True) or m.get('sbert', {}).get('do_lower_case', False))
    assert len(m['pieces']) == V, f'{m["name"]}: the corpus has but {len(m["pieces"])} pieces'
    config = BertConfig(
        hidden_size=H,
        num_attention_heads=A,
        num_hidden_layers=L,
        intermediate_size=F,
        vocab_size=V,
        max_position_embeddings=P,
        hidden_act=m.get('activation', 'gelu'),
        type_vocab_size=m.get('types', 2),
        layer_norm_eps=m.get('epsilon', 1e-12),
    )
    state = random_state(config, seed, m.get('wild'), not m.get('no_pooler'))
    save_model(directory, m, state, config)
    if 'sbert' in m:
        save_modules(directory, m['sbert'], H, np.random.default_rng(seed + 10000))
    make_answers(directory, m, state, config)


# ---- real sizes -----------------------------------------------------------------------------------------------------


def make_large(root):
    """Whole models of real sizes. A vocabulary of that many pieces is filled up with made-up words."""
    for name, sizes in (
        ('random-base', (768, 12, 12, 3072, 30522, 512)),
        ('random-large', (1024, 16, 24, 4096, 28996, 512)),
        ('random-multilingual', (384, 12, 4, 1536, 119547, 512)),
    ):
        H, A, L, F, V, P = sizes
        lowercase = name == 'random-base'
        pieces = make_vocabulary(V, lowercase)
        pieces += [f'##w{i}' if i % 2 else f'w{i}' for i in range(V - len(pieces))]
        config = BertConfig(
            hidden_size=H,
            num_attention_heads=A,
            num_hidden_layers=L,
            intermediate_size=F,
            vocab_size=V,
            max_position_embeddings=P,
        )
        directory = os.path.join(root, name)
        shutil.rmtree(directory, ignore_errors=True)
        words = CORPUS.split()
        m = dict(
            name=name,
            seed=1,
            pieces=pieces,
            lowercase=lowercase,
            hidden=[1, 3],
            pairs=PAIRS[:1],
            texts=SHORT[2:4] + [LONG, ' '.join(words)],
        )
        state = random_state(config, 1, False)
        save_model(directory, m, state, config)
        make_answers(directory, m, state, config)
        print(directory)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('names', nargs='*')
    arguments.add_argument('--large', metavar='DIR')
    a = arguments.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    if a.large:
        return make_large(a.large)
    for m in catalogue():
        if not a.names or m['name'] in a.names:
            make(os.path.join(HERE, 'models'), m)
            print(m['name'], flush=True)


if __name__ == '__main__':
    main()
