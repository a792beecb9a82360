"""training.py -- ten steps here and in PyTorch: the same losses within 2e-6, the same weights within 1e-5 of the largest.

    build/venv/bin/python tests/golden/training.py BERT.SO     ends with "N passed, N failed"

training.json says what PyTorch made of each case, and dropout.json the mean of a batch's loss under dropout, which is to be
within 3.5 standard errors; make_training.py made them. Weights are read from what bert_save writes. """
import json
import math
import os
import shutil
import struct
import sys
import tempfile

from host import connect

HERE = os.path.dirname(os.path.abspath(__file__))


def tensors(path):
    """name -> numbers of a safetensors file of floats."""
    with open(path, 'rb') as f:
        size, = struct.unpack('<Q', f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    header.pop('__metadata__', None)
    def numbers(t):
        first, past = t['data_offsets']
        return struct.unpack(f'<{(past - first) // 4}f', data[first:past])
    return {name: numbers(t) for name, t in header.items()}


def bound(value):
    """A list is a vector."""
    return struct.pack(f'<{len(value)}f', *value) if isinstance(value, list) else value


def model_of(case, folder):
    """The directory of a case's model, whose config.json has what the case says of it."""
    own = os.path.join(HERE, case['model'])
    if not case.get('config'):
        return own
    made = shutil.copytree(own, os.path.join(folder, 'model'))
    config = json.load(open(os.path.join(own, 'config.json')))
    json.dump({**config, **case['config']}, open(os.path.join(made, 'config.json'), 'w'))
    return made


def teacher(case, folder):
    """The directory of a case's teacher, with the labels and the tokenizer of the model that it teaches."""
    own, made = os.path.join(HERE, case['model']), os.path.join(folder, 'teacher')
    shutil.copytree(os.path.join(HERE, case['teacher']), made)
    shutil.copy(os.path.join(own, 'tokenizer.json'), made)
    labels = {k: v for k, v in json.load(open(os.path.join(own, 'config.json'))).items() if k in ('id2label', 'label2id')}
    config = json.load(open(os.path.join(made, 'config.json')))
    json.dump({**config, **labels}, open(os.path.join(made, 'config.json'), 'w'))
    return made


def load(db, case, folder):
    """Its model as m, and its rows."""
    db.execute("SELECT bert_load('m', ?)", (model_of(case, folder),)).fetchone()
    db.execute(f"CREATE TABLE rows({', '.join(case['columns'])})")
    db.executemany(f"INSERT INTO rows VALUES({', '.join('?' * len(case['columns']))})", [list(map(bound, r)) for r in case['rows']])


def train(db, case, folder):
    """The losses, and the tensors of the trained model."""
    load(db, case, os.path.dirname(folder))
    if case.get('teacher'):
        db.execute("SELECT bert_load('t', ?)", (teacher(case, os.path.dirname(folder)),)).fetchone()
    options = json.dumps({'from': 'm', 'model': 'trained', **case['options']})
    call = 'bert_pretrain(' if case['task'] == 'pretrain' else f"bert_finetune('{case['task']}', "
    losses = [r[0] for r in db.execute(f"SELECT loss FROM {call}'SELECT * FROM rows', ?)", (options,))]
    db.execute("SELECT bert_save('trained', ?)", (folder,)).fetchone()
    return losses, tensors(os.path.join(folder, 'model.safetensors'))


def wrong(db, case, folder):
    """What differs, a line each."""
    losses, found = train(db, case, folder)
    out = [f'step {i + 1}: loss {a:.8g}, wanted {b:.8g}' for i, (a, b) in enumerate(zip(losses, case['losses']))
           if not abs(a - b) <= 2e-6 * max(1, abs(b))]
    if len(losses) != len(case['losses']):
        out.append(f'{len(losses)} steps, wanted {len(case["losses"])}')
    for name, want in case['tensors'].items():
        if name not in found:
            out.append(f'{name} is not there')
            continue
        off = max(abs(a - b) for a, b in zip(found[name][::want['every']], want['values']))
        if not off <= 1e-5 * max(want['largest'], 1e-2):
            out.append(f'{name}: off by {off:.3g}, the largest is {want["largest"]:.3g}')
    return out


def dropped(db, case):
    """The mean of the loss over some draws of dropout, beside PyTorch's: how many standard errors it is off."""
    draws = 1000
    load(db, case, None)
    options = json.dumps({'from': 'm', 'model': 'trained', 'epochs': draws, **case['options']})
    losses = [r[0] for r in db.execute(f"SELECT loss FROM bert_finetune('{case['task']}', 'SELECT * FROM rows', ?)", (options,))]
    off = (sum(losses) / draws - case['mean']) / (case['deviation'] * math.sqrt(1 / draws + 1 / case['draws']))
    return [] if abs(off) < 3.5 else [f'the mean loss under dropout is {off:.1f} standard errors from {case["mean"]:.6g}']


def cases(name):
    return json.load(open(os.path.join(HERE, name))).items()


def main(so):
    passed = failed = 0
    for name, case in cases('dropout.json'):
        lines = dropped(connect(so), case)
        for line in lines:
            print(f'tests/golden/training.py: {name}: {line}')
        passed, failed = passed + (not lines), failed + bool(lines)
    for name, case in cases('training.json'):
        db = connect(so)
        with tempfile.TemporaryDirectory() as folder:
            lines = wrong(db, case, os.path.join(folder, 'saved'))
        for line in lines[:10]:
            print(f'tests/golden/training.py: {name}: {line}')
        passed, failed = passed + (not lines), failed + bool(lines)
        db.close()
    print(f'{passed} passed, {failed} failed')
    return failed > 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else 'bert.so'))
