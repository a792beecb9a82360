"""A smaller BERT cut out of a larger one, to be trained on: some of its layers, some of the units within.

    python3 models/cut.py FROM TO LAYERS [UNITS [LOWER N]]

LAYERS is a list such as 0,2,5; UNITS how many units of each layer's inner width stay (all, if left out): those whose
weights are longest, in times out. LOWER is a model whose embeddings and N lowest layers take the place of TO's, so that
several models share them. Other files are copied as they are. Weights must be model.safetensors in float32 with
BERT's names. Cost: the file is read into memory.
"""
import array
import json
import math
import os
import re
import shutil
import struct
import sys


def read(path):
    """{name: (shape, bytes)}"""
    with open(path, 'rb') as f:
        head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        base, data = f.tell(), {}
        for name, t in head.items():
            if name == '__metadata__':
                continue
            if t['dtype'] != 'F32':
                if t['dtype'] in ('I64', 'I32'):  # position_ids of old files
                    continue
                sys.exit(f"{path}: {name} is {t['dtype']}, wanted F32")
            f.seek(base + t['data_offsets'][0])
            data[name] = t['shape'], f.read(t['data_offsets'][1] - t['data_offsets'][0])
    return data


def write(path, tensors):
    head, at = {'__metadata__': {'format': 'pt'}}, 0
    for name, (shape, data) in sorted(tensors.items()):
        head[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
    text = json.dumps(head).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for _, (_, data) in sorted(tensors.items()):
            f.write(data)


def rows_of(tensor):
    """Lists of numbers."""
    shape, data = tensor
    width = shape[1] if len(shape) == 2 else 1
    numbers = array.array('f', data)
    return [numbers[i:i + width] for i in range(0, len(numbers), width)]


def narrow(tensors, prefix, units):
    """Keeps the `units` of largest |row of the first product| * |column of the second| of the layer called prefix."""
    first, bias, second = (prefix + x for x in ('intermediate.dense.weight', 'intermediate.dense.bias',
                                                'output.dense.weight'))
    into, out = rows_of(tensors[first]), rows_of(tensors[second])
    squares = [0.0] * len(into)
    for row in out:
        for i, x in enumerate(row):
            squares[i] += x * x
    size = [math.sqrt(sum(x * x for x in row) * squares[i]) for i, row in enumerate(into)]
    stay = sorted(sorted(range(len(into)), key=lambda i: -size[i])[:units])
    offsets = rows_of(tensors[bias])
    joined = lambda rows: b''.join(row.tobytes() for row in rows)
    tensors[first] = [units, tensors[first][0][1]], joined(into[i] for i in stay)
    tensors[bias] = [units], joined(offsets[i] for i in stay)
    tensors[second] = [len(out), units], joined(array.array('f', (row[i] for i in stay)) for row in out)


def replace_lower(tensors, others, layers):
    """The embeddings and the lowest layers of another model, under this one's names."""
    lower = r'(?:^|\.)(embeddings\..*|encoder\.layer\.(\d+)\..*)'
    other = {}
    for name, t in others.items():
        found = re.search(lower, name)
        if found and int(found[2] or -1) < layers:
            other[found[1]] = t
    for name in tensors:
        found = re.search(lower, name)
        if found and int(found[2] or -1) < layers:
            tensors[name] = other[found[1]]


def main():
    source, target, layers = sys.argv[1], sys.argv[2], [int(x) for x in sys.argv[3].split(',')]
    units = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    shutil.copytree(source, target, ignore=shutil.ignore_patterns('*.safetensors', 'README.md', 'data_config.json'))
    os.chmod(target, 0o755)
    tensors = {}
    for name, t in read(source + '/model.safetensors').items():
        found = re.search(r'(^|.*\.)layer\.(\d+)\.', name)
        if not found:
            tensors[name] = t
        elif int(found[2]) in layers:
            tensors[name[:found.start(2)] + str(layers.index(int(found[2]))) + name[found.end(2):]] = t
    if units:
        for name in [n for n in tensors if n.endswith('intermediate.dense.weight')]:
            narrow(tensors, name[:-len('intermediate.dense.weight')], units)
    if len(sys.argv) > 5:
        replace_lower(tensors, read(sys.argv[5] + '/model.safetensors'), int(sys.argv[6]))
    write(target + '/model.safetensors', tensors)
    config = json.load(open(target + '/config.json'))
    config['num_hidden_layers'] = len(layers)
    config['intermediate_size'] = units or config['intermediate_size']
    os.chmod(target + '/config.json', 0o644)
    json.dump(config, open(target + '/config.json', 'w'), indent=2)


if __name__ == '__main__':
    main()
