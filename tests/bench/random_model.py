"""A model of BERT's base or large shape with random weights, for measuring: speed does not depend on what the weights are.

    python3 random_model.py base|large VOCAB.txt DIRECTORY
    build/release/bench_embed DIRECTORY demo/corpus.csv

Writes config.json, vocab.txt and model.safetensors (440 MB, 1.3 GB) in the Hugging Face layout, which peers open too. Needs
Python's standard library alone."""
import array
import json
import os
import random
import shutil
import struct
import sys

SHAPES = {'base': dict(layers=12, hidden=768, heads=12, inner=3072),
          'large': dict(layers=24, hidden=1024, heads=16, inner=4096)}


def tensors(layers, hidden, inner, words, **_):
    """(name, shape) of each."""
    for name, rows in (('word', words), ('position', 512), ('token_type', 2)):
        yield f'embeddings.{name}_embeddings.weight', [rows, hidden]
    yield from (('embeddings.LayerNorm.weight', [hidden]), ('embeddings.LayerNorm.bias', [hidden]))
    for i in range(layers):
        at = f'encoder.layer.{i}.'
        parts = [(f'attention.self.{part}', hidden, hidden) for part in ('query', 'key', 'value')]
        parts += [('attention.output.dense', hidden, hidden), ('intermediate.dense', inner, hidden), ('output.dense', hidden, inner)]
        for part, rows, columns in parts:
            yield from ((f'{at}{part}.weight', [rows, columns]), (f'{at}{part}.bias', [rows]))
        for norm in ('attention.output.LayerNorm', 'output.LayerNorm'):
            yield from ((f'{at}{norm}.weight', [hidden]), (f'{at}{norm}.bias', [hidden]))


def numbers(name, shape, noise):
    """Bytes of the tensor: norms as they begin, all else the same noise, begun at different places."""
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    if 'LayerNorm' in name:
        return array.array('f', [float(name.endswith('weight'))]).tobytes() * count
    start = 4 * (len(name) * 7919 % 4096)
    whole = noise[start:] + noise[:start]
    return (whole * (4 * count // len(whole) + 1))[:4 * count]


def main(shape, vocabulary, directory):
    s = SHAPES[shape]
    os.makedirs(directory, exist_ok=True)
    shutil.copy(vocabulary, os.path.join(directory, 'vocab.txt'))
    with open(vocabulary, encoding='utf-8') as f:
        words = sum(1 for _ in f)
    config = dict(architectures=['BertModel'], model_type='bert', vocab_size=words, hidden_size=s['hidden'],
                  num_hidden_layers=s['layers'], num_attention_heads=s['heads'], intermediate_size=s['inner'],
                  hidden_act='gelu', max_position_embeddings=512, type_vocab_size=2, layer_norm_eps=1e-12)
    with open(os.path.join(directory, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump(config, f, indent=1)
    header, at = {}, 0
    for name, dims in tensors(words=words, **s):
        size = 4 * dims[0] * (dims[1] if len(dims) > 1 else 1)
        header[name] = dict(dtype='F32', shape=dims, data_offsets=[at, at + size])
        at += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    generate = random.Random(1)
    noise = array.array('f', (generate.gauss(0, 0.02) for _ in range(1 << 18))).tobytes()
    with open(os.path.join(directory, 'model.safetensors'), 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for name, dims in tensors(words=words, **s):
            f.write(numbers(name, dims, noise))


if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    main(*sys.argv[1:])
