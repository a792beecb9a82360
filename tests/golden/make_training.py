"""make_training.py -- what PyTorch makes of the same weights, rows and options: tests/golden/training.json.

    python tests/golden/make_training.py      needs torch and transformers; the tests read what it wrote

Ten steps of the tiny models in heads/ and models/, all rows in one batch, no dropout, AdamW with decay on matrices alone, the
gradient clipped at 1, a linear warm-up and decay. Some gradients are 0 but for rounding (of the keys' biases, since a softmax
takes no notice of them); an epsilon of 1e-4 keeps Adam from blowing these up to whole steps. In use are transformers' own models and losses; for sentence vectors those of
sentence-transformers, written out. Kept: each step's loss, and of each tensor some 8 numbers and its largest magnitude. """
import json
import os

import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 10
TEXTS = ['the river is old', 'a train leaves in the morning', 'red', 'the mill stands by the water and it is very quiet there',
         'snow falls on the old town', 'she reads letters']
PAIRS = ['water', 'the station is far away', 'blue and green', 'quiet', 'it is cold', 'a book of the river']
PASSAGE = 'The mill stands by the river. In the morning a train leaves for the old town.'
QUESTIONS = [('where is the mill?', 'by the river'), ('when does it leave?', 'In the morning'), ('who reads?', None)]
WORDS = [['Anna', 'lives', 'in', 'Berlin'], ['the', 'train', 'from', 'Prague', 'is', 'late']]


def classify(labels, paired=False):
    rows = [[t, *([p] if paired else []), labels[i % len(labels)]] for i, (t, p) in enumerate(zip(TEXTS, PAIRS))]
    return {'task': 'classify', 'rows': rows, 'columns': ['a', 'b', 'label'] if paired else ['a', 'label']}


def cases():
    return {
        'bert-classify': dict(model='heads/bert-classify', labels=['bad', 'so so', 'good'], **classify(['good', 'bad', 'so so'])),
        'roberta-classify': dict(model='heads/roberta-classify', **classify([0])),
        'distilbert-classify': dict(model='heads/distilbert-classify', **classify([0])),
        'bert-pairs': dict(model='heads/bert-nli', **classify([0], True)),
        'bert-regression': dict(model='heads/bert-regression', **classify([0.5, -1.25, 2.0])),
        'bert-qa': dict(model='heads/bert-qa', task='qa', columns=['question', 'passage', 'answer', 'start'],
                        rows=[[q, PASSAGE, a, None if a is None else PASSAGE.index(a)] for q, a in QUESTIONS]),
        'distilbert-qa': dict(model='heads/distilbert-qa', task='qa', columns=['question', 'passage', 'answer', 'start'],
                              rows=[[q, PASSAGE, a, PASSAGE.index(a)] for q, a in QUESTIONS if a]),
        'bert-ner': dict(model='heads/bert-ner', task='tag', columns=['words', 'tags'], rows=WORDS),
        'roberta-ner': dict(model='heads/roberta-ner', task='tag', columns=['words', 'tags'], rows=WORDS),
        'cosine': dict(model='models/sbert-mean', task='embed', columns=['a', 'b', 'score'],
                       rows=[[a, b, i / 6] for i, (a, b) in enumerate(zip(TEXTS, PAIRS))]),
        'ranking': dict(model='models/sbert-cls', task='embed', columns=['a', 'b'], rows=[list(x) for x in zip(TEXTS, PAIRS)]),
    }


def labels_of(case, model):
    """Rows with the model's own labels, where the case has left them open."""
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    case['labels'] = case.get('labels') or names
    if case['task'] == 'tag':
        case['rows'] = [[json.dumps(w), json.dumps([names[(i + j) % len(names)] for j in range(len(w))])] for i, w in enumerate(WORDS)]
    elif case['rows'][0][-1] == 0:
        case['rows'] = [r[:-1] + [names[(2 * i + 1) % len(names)]] for i, r in enumerate(case['rows'])]
    return names


def encode(tokenizer, *texts, **more):
    return tokenizer(*texts, padding=True, return_tensors='pt', **more)


def inputs_of(model, tokenizer, case):
    """What the model is called with, its labels included."""
    rows, names = case['rows'], [model.config.id2label[i] for i in range(model.config.num_labels)]
    if case['task'] == 'classify':
        x = encode(tokenizer, *([r[i] for r in rows] for i in range(len(rows[0]) - 1)))
        y = [r[-1] if model.config.num_labels == 1 else names.index(r[-1]) for r in rows]
        x['labels'] = torch.tensor(y, dtype=torch.float32 if model.config.num_labels == 1 else torch.long)
        return x
    if case['task'] == 'tag':
        words = [json.loads(r[0]) for r in rows]
        x = encode(tokenizer, [' '.join(w) for w in words], return_offsets_mapping=True)
        offsets, y = x.pop('offset_mapping'), torch.full(x['input_ids'].shape, -100)
        for i, r in enumerate(rows):
            at = 0
            for w, tag in zip(words[i], json.loads(r[1])):
                t = next(t for t, (a, b) in enumerate(offsets[i].tolist()) if b > max(a, at)) # the word's first token
                y[i, t] = names.index(tag)
                at += len(w) + 1
        x['labels'] = y
        return x
    x = encode(tokenizer, [r[0] for r in rows], [r[1] for r in rows], return_offsets_mapping=True)
    offsets, starts, ends = x.pop('offset_mapping'), [], []
    for i, (_, _, answer, start) in enumerate(rows):
        inside = [t for t, s in enumerate(x.sequence_ids(i)) if s == 1 and answer is not None
                  and offsets[i, t, 1] > start and offsets[i, t, 0] < start + len(answer)]
        starts.append(inside[0] if inside else 0)
        ends.append(inside[-1] if inside else 0)
    x['start_positions'], x['end_positions'] = torch.tensor(starts), torch.tensor(ends)
    return x


def span_loss(model, x):
    """A row's softmax is over its own tokens: transformers' counts the padding of the longest one, too."""
    out = model(**{k: v for k, v in x.items() if not k.endswith('positions')})
    loss = 0
    for logits, want in ((out.start_logits, x['start_positions']), (out.end_logits, x['end_positions'])):
        logits = logits.masked_fill(x['attention_mask'] == 0, float('-inf'))
        loss = loss + torch.nn.functional.cross_entropy(logits, want) / 2
    return loss


def vectors_loss(model, tokenizer, case):
    def vectors(texts):
        x = encode(tokenizer, texts)
        states, mask = model(**x).last_hidden_state, x['attention_mask'].unsqueeze(-1)
        return states[:, 0] if case['model'].endswith('cls') else (states * mask).sum(1) / mask.sum(1)
    u, v = vectors([r[0] for r in case['rows']]), vectors([r[1] for r in case['rows']])
    if len(case['columns']) == 3:
        want = torch.tensor([r[2] for r in case['rows']])
        return ((torch.cosine_similarity(u, v) - want) ** 2).mean()
    scores = 20 * torch.nn.functional.normalize(u) @ torch.nn.functional.normalize(v).T
    own = torch.arange(len(u))
    return (torch.nn.functional.cross_entropy(scores, own) + torch.nn.functional.cross_entropy(scores.T, own)) / 2


def make(case):
    directory = os.path.join(HERE, case['model'])
    kind = {'classify': 'SequenceClassification', 'tag': 'TokenClassification', 'qa': 'QuestionAnswering'}.get(case['task'])
    auto = getattr(transformers, 'AutoModelFor' + kind) if kind else transformers.AutoModel
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = auto.from_pretrained(directory, attn_implementation='eager').eval() # eval: no dropout
    if kind and case['task'] != 'qa' and model.config.num_labels > 1:
        labels_of(case, model)
    decays = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    o = case['options'] = dict(epochs=STEPS, batch_size=len(case['rows']), learning_rate=1e-3, epsilon=1e-4, weight_decay=0.01, dropout=0,
                               attention_dropout=0, head_dropout=0)
    if case.get('labels'):
        o['labels'] = case.pop('labels')
    adam = torch.optim.AdamW([dict(params=decays, weight_decay=0.01), dict(params=others, weight_decay=0)], lr=1e-3, eps=1e-4)
    schedule = transformers.get_linear_schedule_with_warmup(adam, 1, STEPS)
    x = inputs_of(model, tokenizer, case) if kind else None
    case['losses'] = []
    for _ in range(STEPS):
        loss = vectors_loss(model, tokenizer, case) if not kind else span_loss(model, x) if case['task'] == 'qa' else model(**x).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        schedule.step()
        case['losses'].append(loss.item())
    case['tensors'] = {}
    for name, t in model.state_dict().items():
        if name.endswith('position_ids'):
            continue
        flat = t.flatten()
        every = max(1, len(flat) // 8)
        case['tensors'][name] = {'largest': flat.abs().max().item(), 'every': every, 'values': [float(f'{v:.9g}') for v in flat[::every].tolist()]}
    return case


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = {name: make(case) for name, case in cases().items()}
    with open(os.path.join(HERE, 'training.json'), 'w') as f:
        f.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in made.items()) + '\n}\n')


if __name__ == '__main__':
    main()
