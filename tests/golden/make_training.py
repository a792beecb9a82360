"""make_training.py -- what PyTorch makes of the same weights, rows and options: tests/golden/training.json.

    python tests/golden/make_training.py [BERT.SO | dropout]      needs torch and transformers; the tests read what it wrote

dropout: writes only dropout.json, which has the mean and deviation of a batch's loss over 8,000 draws of dropout.

Ten steps of the tiny models in heads/ and models/, all rows in one batch, no dropout, AdamW with decay on matrices alone, the
gradient clipped at 1, a linear warm-up and decay. Pre-training takes ten batches of one epoch, with the masks and pairs that
bert_pretrain_examples shows, in the epoch's order (so BERT.SO is needed, too). Some gradients are 0 but for rounding (of the keys' biases, since a softmax
takes no notice of them); an epsilon of 1e-4 keeps Adam from blowing these up to whole steps. In use are transformers' own models and losses; for sentence vectors those of
sentence-transformers, written out. Kept: each step's loss, and of each tensor some 8 numbers and its largest magnitude. """
import json
import os
import sys
import tempfile

import apsw
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'bench'))
sys.path.insert(0, HERE)
from parity import order_of  # noqa: E402
from training import teacher  # noqa: E402

STEPS = 10
TEXTS = ['the river is old', 'a train leaves in the morning', 'red', 'the mill stands by the water and it is very quiet there',
         'snow falls on the old town', 'she reads letters']
PAIRS = ['water', 'the station is far away', 'blue and green', 'quiet', 'it is cold', 'a book of the river']
PASSAGE = 'The mill stands by the river. In the morning a train leaves for the old town.'
QUESTIONS = [('where is the mill?', 'by the river'), ('when does it leave?', 'In the morning'), ('who reads?', None)]
WORDS = [['Anna', 'lives', 'in', 'Berlin'], ['the', 'train', 'from', 'Prague', 'is', 'late']]


BATCH = 3


def documents(model, **options):
    sentences = [f'{a}. {b}. {c}.' for a, b, c in zip(TEXTS, PAIRS, reversed(PAIRS))]
    return dict(model=model, task='pretrain', columns=['body'], rows=[[s] for s in sentences],
                examples=dict(max_tokens=24, seed=3, dupe_factor=6, **options))


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
        'several labels': dict(model='heads/bert-multilabel', **classify([[0, 2], [], [1]])),
        'teacher of logits': dict(model='heads/bert-classify', **classify([[0.5, -1.0, 0.25], [2.0, 0.0, -0.5]])),
        'rerank': dict(model='heads/bert-reranker', task='rerank', columns=['query', 'passage', 'label'],
                       rows=[[a, b, i % 2] for i, (a, b) in enumerate(zip(TEXTS, PAIRS))]),
        'triplet': dict(model='models/sbert-cls', task='embed', columns=['anchor', 'positive', 'negative'], loss='triplet',
                        rows=[[a, b, c] for a, b, c in zip(TEXTS, PAIRS, reversed(TEXTS))]),
        'hard negatives': dict(model='models/sbert-mean', task='embed', columns=['anchor', 'positive', 'negative'],
                               rows=[[a, b, c] for a, b, c in zip(TEXTS, PAIRS, reversed(PAIRS))]),
        'distillation': dict(model='models/sbert-mean', task='embed', columns=['a', 'vector'], rows=[[a, None] for a in TEXTS]),
        'bert-pretraining': documents('heads/bert-pretraining'),
        'bert-whole-words': documents('heads/bert-pretraining', nsp=False, whole_word=True),
        'roberta-mlm': documents('heads/roberta-mlm'),
        'distilbert-mlm': documents('heads/distilbert-mlm'),
        'taught labels': dict(model='heads/bert-classify', teacher='heads/bert-nli', labels=['bad', 'so so', 'good'],
                              **classify(['good', None, 'bad', 'so so'])),
        'taught scores': dict(model='heads/bert-reranker', teacher='heads/bert-reranker-raw', task='rerank',
                              columns=['query', 'passage', 'label'],
                              rows=[[a, b, (0, 1, None)[i % 3]] for i, (a, b) in enumerate(zip(TEXTS, PAIRS))]),
        'taught answers': dict(model='heads/bert-qa', teacher='heads/distilbert-qa', task='qa',
                               columns=['question', 'passage', 'answer', 'start'],
                               rows=[[q, PASSAGE, a, None if a is None else PASSAGE.index(a)] for q, a in QUESTIONS]),
        'taught tags': dict(model='heads/bert-ner', teacher='heads/distilbert-ner', task='tag', columns=['words', 'tags'], rows=WORDS),
        'taught masks': dict(teacher='heads/distilbert-mlm', **documents('heads/bert-mlm', nsp=False)),
        # heads whose weights begin as zeros, so that nothing is drawn; labels as often as chance has them would leave a bias no gradient but rounding
        'numbers beside a text': dict(model='heads/bert-classify', task='classify', columns=['a', 'label', 'size', 'age'],
                                      labels=['bad', 'so so', 'good'], config={'initializer_range': 0},
                                      rows=[[t, {1: 'bad', 3: 'so so'}.get(i, 'good'), i * i, 2.5 - i % 4] for i, t in enumerate(TEXTS)]),
        'softmax of pairs': dict(model='models/sbert-mean', task='embed', columns=['a', 'b', 'label'], loss='softmax',
                                 config={'initializer_range': 0},
                                 rows=[[a, b, 'xyz'[i % 3]] for i, (a, b) in enumerate(zip(TEXTS, PAIRS))]),
        'largest numbers': dict(model='models/sbert-max', task='embed', columns=['a', 'b', 'score'],
                                rows=[[a, b, i / 6] for i, (a, b) in enumerate(zip(TEXTS, PAIRS))]),
        'ranking': dict(model='models/sbert-cls', task='embed', columns=['a', 'b'], rows=[list(x) for x in zip(TEXTS, PAIRS)]),
    }


def labels_of(case, model):
    """Rows with the model's own labels, where the case has left them open."""
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    case['labels'] = case.get('labels') or names
    if case['task'] == 'tag':
        case['rows'] = [[json.dumps(w), json.dumps([names[(i + j) % len(names)] for j in range(len(w))])] for i, w in enumerate(WORDS)]
    elif 'multilabel' in case['model']:
        case['rows'] = [[r[0], json.dumps([names[i] for i in r[1]])] for r in case['rows']]
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
        last = [json.loads(r[-1]) if 'multilabel' in case['model'] else r[-1] for r in rows]
        if isinstance(last[0], str):
            x['labels'] = torch.tensor([-100 if y is None else names.index(y) for y in last])
        elif 'multilabel' in case['model']:
            x['labels'] = torch.tensor([[float(n in y) for n in names] for y in last])
        else:
            x['labels'] = torch.tensor(last)
        return x
    if case['task'] == 'rerank':
        return encode(tokenizer, [r[0] for r in rows], [r[1] for r in rows])
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


def logits_loss(model, x, case):
    """Of those that transformers' own models do not have."""
    logits = model(**{k: v for k, v in x.items() if k != 'labels'}).logits
    if case['task'] == 'rerank':
        return torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], torch.tensor([float(r[2]) for r in case['rows']]))
    return torch.nn.functional.mse_loss(logits, x['labels'])


def divergence(mine, its, temperature):
    """Of a row each, times the temperature's square."""
    p, q = (torch.log_softmax(x / temperature, -1) for x in (its, mine))
    return temperature ** 2 * torch.nan_to_num(p.exp() * (p - q)).sum(-1) # 0 where both are -inf


def taught_loss(model, its, x, case, temperature, alpha):
    """alpha of the teacher, the rest of the truth; where there is none, the teacher alone."""
    inputs = {k: v for k, v in x.items() if k != 'labels' and not k.endswith('positions')}
    with torch.no_grad():
        soft = its(**{k: v for k, v in inputs.items() if k != 'token_type_ids' or its.config.model_type != 'distilbert'})
    out, loss, entropy = model(**inputs), 0, torch.nn.functional.cross_entropy
    if case['task'] == 'qa':
        for side, want in (('start_logits', x['start_positions']), ('end_logits', x['end_positions'])):
            mine, wanted = (y[side].masked_fill(x['attention_mask'] == 0, float('-inf')) for y in (out, soft))
            loss = loss + ((1 - alpha) * entropy(mine, want) + alpha * divergence(mine, wanted, temperature).mean()) / 2
        return loss
    if case['task'] == 'rerank':
        truth = torch.tensor([float('nan') if r[2] is None else float(r[2]) for r in case['rows']])
        hard = torch.nn.functional.binary_cross_entropy_with_logits(out.logits[:, 0], truth.nan_to_num(), reduction='none')
        two = [torch.cat([y.logits, torch.zeros_like(y.logits)], 1) for y in (out, soft)]
        parts, known = divergence(*two, temperature), ~truth.isnan()
    else:
        labels = x['labels'].flatten()
        mine, wanted = (y.logits.flatten(0, -2) for y in (out, soft))
        if case['task'] in ('tag', 'pretrain'):
            mine, wanted, labels = mine[labels >= 0], wanted[labels >= 0], labels[labels >= 0]
        hard, parts, known = entropy(mine, labels, reduction='none'), divergence(mine, wanted, temperature), labels >= 0
    return torch.where(known, alpha * parts + (1 - alpha) * hard, parts).mean()


def features_loss(model, tokenizer, case, weights):
    """Standardised numbers, as long as the pooled vector, join it."""
    x = encode(tokenizer, [r[0] for r in case['rows']])
    z = torch.tensor([r[2:] for r in case['rows']], dtype=torch.float64)
    z = ((z - z.mean(0)) / z.std(0, correction=0)).float()
    logits = model.classifier(model.bert(**x).pooler_output) + model.config.hidden_size ** 0.5 * z @ weights.T
    return torch.nn.functional.cross_entropy(logits, torch.tensor([case['options']['labels'].index(r[1]) for r in case['rows']]))


def vectors_loss(model, tokenizer, case, head):
    def vectors(column):
        x = encode(tokenizer, [r[column] for r in case['rows']])
        states, mask = model(**x).last_hidden_state, x['attention_mask'].unsqueeze(-1)
        if case['model'].endswith('cls'):
            return states[:, 0]
        if case['model'].endswith('max'):
            return states.masked_fill(mask == 0, float('-inf')).max(1)[0]
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)) # as the model's modules.json says
    u, last = vectors(0), case['columns'][-1]
    if last == 'vector':
        return torch.nn.functional.mse_loss(u, torch.tensor([r[1] for r in case['rows']]))
    v = vectors(1)
    if last == 'score':
        want = torch.tensor([r[2] for r in case['rows']])
        return ((torch.cosine_similarity(u, v) - want) ** 2).mean()
    if case.get('loss') == 'softmax':
        names = sorted({r[2] for r in case['rows']})
        return torch.nn.functional.cross_entropy(head(torch.cat([u, v, (u - v).abs()], 1)), torch.tensor([names.index(r[2]) for r in case['rows']]))
    if case.get('loss') == 'triplet':
        return torch.nn.functional.triplet_margin_loss(u, v, vectors(2), margin=5)
    others = torch.cat([v, vectors(2)]) if last == 'negative' else v
    u, others = torch.nn.functional.normalize(u), torch.nn.functional.normalize(others)
    own, back = torch.arange(len(u)), 20 * others[:len(u)] @ u.T
    return (torch.nn.functional.cross_entropy(20 * u @ others.T, own) + torch.nn.functional.cross_entropy(back, own)) / 2


# ---- pre-training ------------------------------------------------------------------------------------------------------


def batches_of(case, tokenizer, so):
    """Ten batches of the first epoch, with their labels."""
    db = apsw.Connection(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    db.execute("SELECT bert_load('m', ?)", (os.path.join(HERE, case['model']),)).fetchall()
    db.execute('CREATE TABLE rows(body)')
    db.executemany('INSERT INTO rows VALUES(?)', case['rows'])
    made = db.execute("SELECT tokens, is_next, positions, labels FROM bert_pretrain_examples('SELECT * FROM rows', ?)",
                      (json.dumps({'from': 'm', **case['examples']}),)).fetchall()
    order = order_of(case['examples']['seed'], 0, len(made))
    return [batch_of([made[i] for i in order[at:at + BATCH]], tokenizer) for at in range(0, STEPS * BATCH, BATCH)]


def batch_of(rows, tokenizer):
    ids = [tokenizer.convert_tokens_to_ids(r[0].split(' ')) for r in rows]
    width = max(map(len, ids))
    x = {'input_ids': torch.full((len(ids), width), tokenizer.pad_token_id), 'attention_mask': torch.zeros((len(ids), width), dtype=torch.long),
         'token_type_ids': torch.zeros((len(ids), width), dtype=torch.long), 'labels': torch.full((len(ids), width), -100)}
    for i, (row, own) in enumerate(zip(rows, ids)):
        x['input_ids'][i, :len(own)] = torch.tensor(own)
        x['attention_mask'][i, :len(own)] = 1
        if row[1] is not None:
            x['token_type_ids'][i, own.index(tokenizer.sep_token_id) + 1:len(own)] = 1
        x['labels'][i, json.loads(row[2])] = torch.tensor(tokenizer.convert_tokens_to_ids(json.loads(row[3])))
    if rows[0][1] is None:
        del x['token_type_ids'] # all 0, and DistilBERT knows none
    else:
        x['next_sentence_label'] = torch.tensor([1 - r[1] for r in rows])
    return x


# ---- ten steps ---------------------------------------------------------------------------------------------------------


def make(case, so):
    directory = os.path.join(HERE, case['model'])
    kind = {'classify': 'SequenceClassification', 'tag': 'TokenClassification', 'qa': 'QuestionAnswering',
            'rerank': 'SequenceClassification',
            'pretrain': 'PreTraining' if case['model'].endswith('pretraining') and 'nsp' not in case['examples'] else 'MaskedLM'}.get(case['task'])
    auto = getattr(transformers, 'AutoModelFor' + kind) if kind else transformers.AutoModel
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = auto.from_pretrained(directory, attn_implementation='eager').eval() # eval: no dropout
    if case['task'] in ('classify', 'tag') and model.config.num_labels > 1 and not isinstance(case['rows'][0][-1], list):
        labels_of(case, model)
    elif 'multilabel' in case['model']:
        labels_of(case, model)
    if case['columns'][-1] == 'vector':
        case['rows'] = [[r[0], [round(((7 * i + 3 * j) % 11 - 5) / 16, 4) for j in range(model.config.hidden_size)]] for i, r in enumerate(case['rows'])]
    features, head = len(case['columns']) > 3 and case['task'] == 'classify', None
    weights = torch.zeros(model.config.num_labels, 2, requires_grad=True)
    if features:
        torch.nn.init.zeros_(model.classifier.weight), torch.nn.init.zeros_(model.classifier.bias)
    if case.get('loss') == 'softmax':
        head = torch.nn.Linear(3 * model.config.hidden_size, 3)
        torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    decays = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    decays += [weights] if features else [head.weight] if head else []
    others += [head.bias] if head else []
    o = case['options'] = dict(epochs=STEPS, batch_size=len(case['rows']), learning_rate=1e-3, epsilon=1e-4, weight_decay=0.01, dropout=0,
                               attention_dropout=0, head_dropout=0)
    if case['task'] == 'pretrain':
        o.update(case['examples'], steps=STEPS, batch_size=BATCH, beta2=0.999, warmup=0.1, correct_bias=True)
        del o['epochs']
    if case.get('loss'):
        o['loss'] = case['loss']
    if case.get('labels'):
        o['labels'] = case.pop('labels')
    adam = torch.optim.AdamW([dict(params=decays, weight_decay=0.01), dict(params=others, weight_decay=0)], lr=1e-3, eps=1e-4)
    schedule = transformers.get_linear_schedule_with_warmup(adam, 1, STEPS)
    its = None
    if case.get('teacher'):
        o.update(teacher='t', temperature=3, alpha=0.3)
        with tempfile.TemporaryDirectory() as folder:
            its = auto.from_pretrained(teacher(case, folder), attn_implementation='eager').eval()
    if case['task'] == 'pretrain':
        batches = batches_of(case, tokenizer, so)
    elif kind and not features:
        batches = [inputs_of(model, tokenizer, case)] * STEPS
    else:
        batches = [None] * STEPS
    case['losses'] = []
    for x in batches:
        if not kind:
            loss = vectors_loss(model, tokenizer, case, head)
        elif features:
            loss = features_loss(model, tokenizer, case, weights)
        elif its:
            loss = taught_loss(model, its, x, case, o['temperature'], o['alpha'])
        elif case['task'] == 'qa':
            loss = span_loss(model, x)
        elif case['task'] == 'rerank' or isinstance(case['rows'][0][-1], list):
            loss = logits_loss(model, x, case)
        else:
            loss = model(**x).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*decays, *others], 1.0)
        adam.step()
        schedule.step()
        case['losses'].append(loss.item())
    case['tensors'], seen = {}, set()
    scaled = {'bert_features.weight': model.config.hidden_size ** 0.5 * weights.detach()} if features else {}
    for name, t in {**model.state_dict(), **scaled}.items():
        if name.endswith('position_ids') or t.data_ptr() in seen: # a tied decoder is saved once
            continue
        seen.add(t.data_ptr())
        flat = t.flatten()
        every = max(1, len(flat) // 8)
        case['tensors'][name] = {'largest': flat.abs().max().item(), 'every': every, 'values': [float(f'{v:.9g}') for v in flat[::every].tolist()]}
    return case


def dropped(case, draws=8000):
    """The mean and deviation of a batch's loss, at the dropout that config.json has."""
    directory = os.path.join(HERE, case['model'])
    auto = {'classify': transformers.AutoModelForSequenceClassification, 'tag': transformers.AutoModelForTokenClassification,
            'qa': transformers.AutoModelForQuestionAnswering}[case['task']]
    model = auto.from_pretrained(directory, attn_implementation='eager').train()
    if case['task'] != 'qa':
        labels_of(case, model)
    x = inputs_of(model, transformers.AutoTokenizer.from_pretrained(directory), case)
    with torch.no_grad():
        losses = torch.tensor([(span_loss(model, x) if case['task'] == 'qa' else model(**x).loss).item() for _ in range(draws)])
    case['options'] = dict(batch_size=len(case['rows']), learning_rate=0, labels=case.pop('labels', None))
    return {**case, 'draws': draws, 'mean': losses.mean().item(), 'deviation': losses.std().item()}


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    drops = {name: dropped(cases()[name]) for name in ('bert-classify', 'distilbert-classify', 'distilbert-qa', 'roberta-ner')}
    with open(os.path.join(HERE, 'dropout.json'), 'w') as f:
        f.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in drops.items()) + '\n}\n')
    if sys.argv[1:] == ['dropout']:
        return
    so = sys.argv[1] if len(sys.argv) > 1 else 'bert.so'
    made = {name: make(case, so) for name, case in cases().items()}
    with open(os.path.join(HERE, 'training.json'), 'w') as f:
        f.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in made.items()) + '\n}\n')


if __name__ == '__main__':
    main()
