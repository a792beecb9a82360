"""Training here beside training in transformers: the same rows, recipe and starting weights; what each side reaches.

    python3 parity.py DATA MODEL [--task NAME,…] [--side ours|torch|both] [--seeds 0,1,2] [--results FILE]
    python3 parity.py DATA MODEL --steps 20          the first steps' losses, and the weights after them, side by side
    python3 parity.py DATA MODEL --steps 60 --drops  weights that stay, with dropout: the means of the losses
    python3 parity.py DATA MODEL --table             the table of what FILE holds

DATA is a folder of public sets that are not in the repository (licences): sst2/, stsb/, snli/, banking77/, wnut17/,
wikiann-en/, squad/. MODEL is a directory that both sides begin from. Needs torch, transformers and apsw; takes from
minutes to an hour a run. By hand: it is not part of the tests.

Every run is a line of FILE (parity.jsonl), and a run that stands there is not done again. Both sides visit the rows in
the same order: the shuffle here is the engine's (base/rng.h). Under --steps a new head begins with the same weights,
and without dropout losses must agree; with it, their means. Else each side draws its own head and its own dropout, and
what is compared is the figure on held-out rows, made by the same code out of each side's predictions.
"""
import argparse
import collections
import csv
import json
import math
import os
import re
import string
import sys
import tempfile
import time

import quality
import sets
from sets import conll, lines

HERE = os.path.dirname(os.path.abspath(__file__))

# ---- data ----------------------------------------------------------------------------------------------------------


def table(path):
    with open(path, newline='', encoding='utf-8') as f:
        return list(csv.reader(f))


def sst2(data):
    read = lambda name: [tuple(line.split('\t')[::-1]) for line in lines(f'{data}/sst2/{name}.tsv')]
    return read('train'), read('dev')


def stsb(data):
    read = lambda name: [(a, b, float(score) / 5) for a, b, score in table(f'{data}/stsb/{name}.csv')]
    return read('train'), read('dev')


def snli(data):
    rows = [tuple(line.split('\t')) for line in lines(f'{data}/snli/validation.tsv')[1:]]
    return rows[:len(rows) // 2], rows[len(rows) // 2:]


def banking(data):
    read = lambda name: [tuple(row) for row in table(f'{data}/banking77/{name}.csv')[1:]]
    return read('train'), read('test')


def wnut(data):
    return conll(data + '/wnut17/train.conll'), conll(data + '/wnut17/dev.conll')


def wikiann(data):
    return conll(data + '/wikiann-en/train.conll'), conll(data + '/wikiann-en/dev.conll')


def squad(data):
    """(question, passage, answer, start), and for those judged (question, passage, answers).

    Articles whose place in the file, counted from 0, is divisible by 6 are judged, every third question of them: 6,654 questions
    learned, 674 judged. (The figures of `known` are said to be of 7,000: from 0 or, with 7,127 and 517, from 1.) Both sides of a
    comparison have the same. """
    train, dev = [], []
    for place, _, question, passage, answers in sets.squad(data + '/squad/v1.1-open.json'):
        if place % 6:
            train.append((question, passage, answers[0]['text'], answers[0]['answer_start']))
        else:
            dev.append((question, passage, [a['text'] for a in answers]))
    return train, dev[::3]


# ---- figures: predictions and rows to a number of 0 … 100 ----------------------------------------------------------


def accuracy(found, rows):
    return {'accuracy': 100 * sum(p == row[-1] for p, row in zip(found, rows)) / len(rows)}


def spearman(found, rows):
    return {'spearman': 100 * quality.spearman(found, [row[-1] for row in rows])}


def spans(tags):
    """{(kind, first, past)}, as conlleval reads tags."""
    out, kind, first = set(), None, 0
    for i, tag in enumerate(tags + ['O']):
        prefix, _, name = tag.partition('-')
        if kind is not None and (prefix != 'I' or name != kind):
            out.add((kind, first, i))
            kind = None
        if prefix in ('B', 'I') and kind is None:
            kind, first = name, i
    return out


def span_f1(found, rows):
    right = wanted = given = 0
    for tags, (_, gold) in zip(found, rows):
        a, b = spans(tags), spans(gold)
        right, given, wanted = right + len(a & b), given + len(a), wanted + len(b)
    return {'f1': 200 * right / max(given + wanted, 1)}


def answer_words(text):
    """As SQuAD's evaluation normalises: no case, punctuation or articles."""
    text = ''.join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r'\b(a|an|the)\b', ' ', text).split()


def answer_f1(a, b):
    same = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 2 * same / (len(a) + len(b)) if same else float(a == b)


def squad_figures(found, rows):
    em = f1 = 0.0
    for answer, (_, _, golds) in zip(found, rows):
        a = answer_words(answer or '')
        em += max(a == answer_words(g) for g in golds)
        f1 += max(answer_f1(a, answer_words(g)) for g in golds)
    return {'f1': 100 * f1 / len(rows), 'exact_match': 100 * em / len(rows)}


# ---- recipes -------------------------------------------------------------------------------------------------------

Recipe = collections.namedtuple('Recipe', 'task read figures options known', defaults=[None])
RECIPES = {
    'wnut17': Recipe('tag', wnut, span_f1, dict(epochs=5, batch_size=16, learning_rate=1e-4, max_tokens=128)),
    'stsb-bi': Recipe('embed', stsb, spearman, dict(epochs=2, batch_size=32, learning_rate=5e-5, max_tokens=128)),
    'stsb-cross': Recipe('rerank', stsb, spearman, dict(epochs=4, batch_size=32, learning_rate=5e-5, max_tokens=128)),
    'banking77': Recipe('classify', banking, accuracy,
                        dict(epochs=4, batch_size=32, learning_rate=1e-4, max_tokens=64)),
    'sst2': Recipe('classify', sst2, accuracy, dict(epochs=3, batch_size=32, learning_rate=5e-5, max_tokens=128),
                   {'accuracy': 88.0}),
    'snli': Recipe('classify', snli, accuracy, dict(epochs=3, batch_size=32, learning_rate=5e-5, max_tokens=128)),
    'wikiann': Recipe('tag', wikiann, span_f1, dict(epochs=3, batch_size=32, learning_rate=1e-4, max_tokens=128)),
    'squad': Recipe('qa', squad, squad_figures,
                    dict(epochs=2, batch_size=16, learning_rate=1e-4, max_tokens=256, doc_stride=128),
                    {'f1': 65.2, 'exact_match': 53.3}),
}
WARMUP, DECAY, CLIP, BETAS, EPSILON = 0.1, 0.01, 1.0, (0.9, 0.999), 1e-8
ANSWER = 30  # tokens of an answer

COLUMNS = {'classify': {2: 'text, label', 3: 'a, b, label'}, 'rerank': {3: 'query, passage, label'},
           'embed': {3: 'a, b, score'}, 'tag': {2: 'words, tags'}, 'qa': {4: 'question, passage, answer, start'}}


def labels_of(recipe, rows):
    """As the engine has them: in order of their bytes."""
    if recipe.task == 'tag':
        return sorted({tag for _, tags in rows for tag in tags})
    return sorted({row[-1] for row in rows}) if recipe.task == 'classify' else []


# ---- the engine's shuffle ------------------------------------------------------------------------------------------


def philox(seed, stream, i):
    """Four numbers of base/rng.h."""
    mask = 0xffffffff
    k0, k1, a, b, c, d = seed & mask, seed >> 32, i & mask, i >> 32, stream & mask, stream >> 32
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, c, b, d = (q >> 32) ^ b ^ k0, (p >> 32) ^ d ^ k1, q & mask, p & mask
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return a, b, c, d


def order_of(seed, epoch, n):
    numbers = (x for i in range(1 << 62) for x in philox(seed, 2 + (epoch << 8), i))
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        few = (1 << 32) % (i + 1)
        product = next(numbers) * (i + 1)
        while (product & 0xffffffff) < few:
            product = next(numbers) * (i + 1)
        k = product >> 32
        order[i], order[k] = order[k], order[i]
    return order


# ---- this side -----------------------------------------------------------------------------------------------------


def connect(so):
    import apsw
    db = apsw.Connection(':memory:')
    db.enable_load_extension(True)
    db.load_extension(so)
    return db


def store(db, name, columns, rows):
    cells = lambda row: [json.dumps(x) if isinstance(x, list) else x for x in row]
    db.execute(f'DROP TABLE IF EXISTS {name}')
    db.execute(f'CREATE TABLE {name}(id INTEGER PRIMARY KEY, {columns})')
    with db:
        db.executemany(f"INSERT INTO {name} VALUES(NULL, {', '.join('?' * len(rows[0]))})", map(cells, rows))


def tags_of(db, words):
    """The label of each word: of the piece that begins where the word does."""
    label = dict(db.execute("SELECT start, label FROM bert_tags(?, 'trained')", (' '.join(words),)))
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    return [label.get(start, 'O') for start in starts[:-1]]


def judge_ours(db, recipe, rows):
    if recipe.task == 'tag':
        return [tags_of(db, words) for words, _ in rows]
    if recipe.task == 'qa':
        query = "SELECT answer FROM bert_answers(?, ?, 'trained') WHERE rank = 1"  # the pipeline's, as on the other side
        return [(db.execute(query, row[:2]).fetchone() or ('',))[0] for row in rows]
    store(db, 'judged', ', '.join('abc'[:len(rows[0])]), rows)
    if recipe.task == 'embed':
        return [x for x, in db.execute("SELECT bert_similarity(a, b, 'trained') FROM judged ORDER BY id")]
    if recipe.task == 'rerank':
        return [x for x, in db.execute("SELECT bert_rerank(a, b, 'trained') FROM judged ORDER BY id")]
    texts = 'id, a, b' if len(rows[0]) == 3 else 'id, a'
    query = f"SELECT key, label FROM bert_classify_each('SELECT {texts} FROM judged', 'trained')"
    return [label for _, label in sorted(db.execute(query))]


def train_ours(so, start, recipe, train, options, progress):
    """The connection, whose model `trained` is the result; the loss of each step."""
    db = connect(so)
    columns = COLUMNS[recipe.task][len(train[0])]
    store(db, 'train', columns, train)
    db.execute("SELECT bert_load('start', ?)", (start,)).fetchall()
    losses = []
    query = 'SELECT step, epoch, loss, eta FROM bert_finetune(?, ?, ?)'
    asked = dict(options, **{'from': 'start', 'model': 'trained'})
    for step, epoch, loss, eta in db.execute(query, (recipe.task, f'SELECT {columns} FROM train', json.dumps(asked))):
        losses.append(loss)
        progress(step, epoch, loss, eta)
    return db, losses


# ---- the other side: transformers ----------------------------------------------------------------------------------


KEEP = ('input_ids', 'token_type_ids', 'attention_mask')


class Torch:
    """A model of transformers for a recipe, and what it takes of a row."""

    CLASSES = {'classify': 'ForSequenceClassification', 'rerank': 'ForSequenceClassification',
               'tag': 'ForTokenClassification', 'qa': 'ForQuestionAnswering'}

    def __init__(self, start, recipe, labels, options, drops=True):
        import torch
        import transformers
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.torch, self.recipe, self.labels, self.max_tokens = torch, recipe, labels, options['max_tokens']
        self.stride = options.get('doc_stride', 0)
        self.label_id = {label: i for i, label in enumerate(labels)}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(start)
        config = transformers.AutoConfig.from_pretrained(start)
        more = {} if drops else {key: 0.0 for key in config.to_dict() if 'dropout' in key}
        if recipe.task == 'rerank':
            more['num_labels'] = 1
        if labels:
            more['id2label'], more['label2id'] = dict(enumerate(labels)), self.label_id
        kind = getattr(transformers, 'AutoModel' + self.CLASSES.get(recipe.task, ''))
        self.model = kind.from_pretrained(start, **more).to(torch.get_default_device())
        self.scheduler = transformers.get_linear_schedule_with_warmup

    def padded(self, encodings):
        return self.tokenizer.pad([{k: x[k] for k in KEEP if k in x} for x in encodings], return_tensors='pt')

    def encode(self, *texts):
        return self.tokenizer(*texts, truncation=True, max_length=self.max_tokens)

    # examples: (encodings, target)

    def tag_example(self, words, tags):
        x = self.tokenizer(words, truncation=True, max_length=self.max_tokens, is_split_into_words=True)
        seen, target = None, []
        for word in x.word_ids():
            target.append(-100 if word is None or word == seen else self.label_id[tags[word]])
            seen = word
        return [x], target

    def windows(self, question, passage):
        """Of tokenizers 0.23.2 these end with the passage's first max_tokens tokens, of 0.23.3 with the passage: 7,471 and
        7,767 of them to train on, 2 points of F1 apart. A comparison wants the same on both sides."""
        x = self.tokenizer(question, passage, truncation='only_second', max_length=self.max_tokens, stride=self.stride,
                           return_overflowing_tokens=True, return_offsets_mapping=True)
        for i in range(len(x['input_ids'])):
            of = x.sequence_ids(i)
            yield ({k: v[i] for k, v in x.items() if k in KEEP}, x['offset_mapping'][i],
                   [t for t, side in enumerate(of) if side == 1])

    def qa_examples(self, question, passage, answer, start):
        past = start + len(answer)
        for x, offsets, inside in self.windows(question, passage):
            first = last = 0
            if offsets[inside[0]][0] <= start and offsets[inside[-1]][1] >= past:
                first = max(t for t in inside if offsets[t][0] <= start)
                last = min(t for t in inside if offsets[t][1] >= past and t >= first)
            yield [x], (first, last)

    def examples(self, rows):
        task = self.recipe.task
        if task == 'qa':
            return [x for row in rows for x in self.qa_examples(*row)]
        if task == 'tag':
            return [self.tag_example(*row) for row in rows]
        if task == 'embed':
            return [([self.encode(a), self.encode(b)], y) for a, b, y in rows]
        target = lambda y: y if task == 'rerank' else self.label_id[y]
        return [([self.encode(*row[:-1])], target(row[-1])) for row in rows]

    def vectors(self, encodings):
        x = self.padded(encodings)
        states, mask = self.model(**x).last_hidden_state, x['attention_mask'].unsqueeze(-1).float()
        return (states * mask).sum(1) / mask.sum(1)

    def loss(self, examples):
        torch, F, task = self.torch, self.torch.nn.functional, self.recipe.task
        if task == 'embed':
            u, v = (self.vectors([e[0][t] for e in examples]) for t in (0, 1))
            return F.mse_loss(F.cosine_similarity(u, v), torch.tensor([y for _, y in examples]))
        x = self.padded([e[0][0] for e in examples])
        out = self.model(**x)
        if task == 'qa':
            first, last = (torch.tensor([e[1][i] for e in examples]) for i in (0, 1))
            fill = torch.where(x['attention_mask'] > 0, 0.0, -1e9)  # as there is no padding on the other side
            return (F.cross_entropy(out.start_logits + fill, first) + F.cross_entropy(out.end_logits + fill, last)) / 2
        if task == 'tag':
            width = x['input_ids'].shape[1]
            target = torch.tensor([y + [-100] * (width - len(y)) for _, y in examples])
            return F.cross_entropy(out.logits.flatten(0, 1), target.flatten())
        target = torch.tensor([y for _, y in examples])
        if task == 'rerank':
            return F.binary_cross_entropy_with_logits(out.logits[:, 0], target)
        return F.cross_entropy(out.logits, target)

    def train(self, rows, options, progress):
        torch = self.torch
        torch.manual_seed(options['seed'])
        examples, size = self.examples(rows), options['batch_size']
        each = -(-len(examples) // size)
        steps = options.get('steps') or math.ceil(options['epochs'] * each)
        is_plain = lambda name: name.endswith('bias') or 'norm' in name.lower()
        plain, rest = ([p for n, p in self.model.named_parameters() if is_plain(n) == which] for which in (True, False))
        adam = torch.optim.AdamW([{'params': rest, 'weight_decay': DECAY}, {'params': plain, 'weight_decay': 0.0}],
                                 lr=options['learning_rate'], betas=BETAS, eps=EPSILON)
        schedule = self.scheduler(adam, math.ceil(WARMUP * steps), steps)
        self.model.train()
        losses, begun = [], time.time()
        for step in range(steps):
            if step % each == 0:
                order = order_of(options['seed'], step // each, len(examples))
            chosen = order[step % each * size:][:size]
            loss = self.loss([examples[i] for i in chosen])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            adam.step()
            schedule.step()
            adam.zero_grad()
            losses.append(loss.item())
            progress(step + 1, (step + 1) / each, losses[-1], (time.time() - begun) / (step + 1) * (steps - step - 1))
        return losses

    def best_answer(self, question, passage):
        best, text = -1.0, ''
        windows = list(self.windows(question, passage))
        out = self.model(**self.padded([x for x, _, _ in windows]))
        for i, (_, offsets, inside) in enumerate(windows):
            inner = self.torch.tensor(inside)
            a, b = out.start_logits[i][inner].softmax(0), out.end_logits[i][inner].softmax(0)
            product = self.torch.triu(a.unsqueeze(1) * b.unsqueeze(0)).tril(ANSWER - 1)
            at = product.argmax().item()
            if product.flatten()[at] > best:
                first, last = divmod(at, len(inside))
                best = product.flatten()[at]
                text = passage[offsets[inside[first]][0]:offsets[inside[last]][1]]
        return text

    def judge(self, rows):
        task, out = self.recipe.task, []
        self.model.eval()
        with self.torch.no_grad():
            for at in range(0, len(rows), 64):
                some = rows[at:at + 64]
                if task == 'qa':
                    out += [self.best_answer(*row[:2]) for row in some]
                elif task == 'embed':
                    u, v = (self.vectors([self.encode(row[t]) for row in some]) for t in (0, 1))
                    out += self.torch.nn.functional.cosine_similarity(u, v).tolist()
                elif task == 'tag':
                    out += self.judge_tags(some)
                else:
                    logits = self.model(**self.padded([self.encode(*row[:-1]) for row in some])).logits
                    out += (logits[:, 0].tolist() if task == 'rerank'
                            else [self.labels[i] for i in logits.argmax(-1).tolist()])
        return out

    def judge_tags(self, rows):
        encodings = [self.tokenizer(words, truncation=True, max_length=self.max_tokens, is_split_into_words=True)
                     for words, _ in rows]
        best = self.model(**self.padded(encodings)).logits.argmax(-1).tolist()
        out = []
        for (words, _), x, ids in zip(rows, encodings, best):
            tags = ['O'] * len(words)
            for t in range(len(ids[:len(x['input_ids'])]) - 1, -1, -1):
                if x.word_ids()[t] is not None:
                    tags[x.word_ids()[t]] = self.labels[ids[t]]
            out.append(tags)
        return out


# ---- runs ----------------------------------------------------------------------------------------------------------


def shown(name, side, seed):
    last = [time.time()]

    def progress(step, epoch, loss, eta):
        if time.time() - last[0] > 20:
            last[0] = time.time()
            print(f'{name} {side} seed {seed}: step {step}, epoch {epoch:.2f}, loss {loss:.4f}, {eta:.0f} s left',
                  file=sys.stderr, flush=True)
    return progress


def run(args, name, side, seed):
    recipe = RECIPES[name]
    train, judged = recipe.read(args.data)
    options = dict(recipe.options, seed=seed)
    begun, progress = time.time(), shown(name, side, seed)
    if side == 'ours':
        db, losses = train_ours(args.so, args.model, recipe, train, dict(options, warmup=WARMUP), progress)
        trained = time.time() - begun
        found = judge_ours(db, recipe, judged)
    else:
        net = Torch(args.model, recipe, labels_of(recipe, train), options)
        losses = net.train(train, options, progress)
        trained = time.time() - begun
        found = net.judge(judged)
    if len(found) != len(judged):
        sys.exit(f'{name} {side}: {len(found)} predictions, wanted {len(judged)}')
    tail = losses[-len(losses) // 10 or -1:]
    return dict(task=name, side=side, seed=seed, options=options, figures=recipe.figures(found, judged),
                steps=len(losses), loss=sum(tail) / len(tail), seconds=round(trained, 1))


def compare_weights(state, end):
    """The largest relative difference of a tensor, and its name."""
    worst, where = 0.0, ''
    for key, w in state.items():
        # these move all of a softmax's scores alike: their gradient is rounding alone, of which Adam makes steps
        if not re.search(r'key\.bias|k_lin\.bias|qa_outputs\.bias', key):
            off = ((end[key] - w).norm() / w.norm().clamp(min=1e-3)).item()
            worst, where = max((worst, where), (off, key))
    return worst, where


def compare_steps(args, name):
    """From one set of weights, step by step."""
    import torch
    recipe = RECIPES[name]
    rows = recipe.read(args.data)[0]
    rows = rows[::max(1, len(rows) // args.rows)][:args.rows]
    options = dict(recipe.options, seed=5, steps=args.steps)
    if recipe.task == 'qa':
        options['max_question'] = options.get('max_tokens', 384)  # transformers' recipe cuts the passage alone
    del options['epochs']
    if args.max_tokens:
        options['max_tokens'] = args.max_tokens
        if recipe.task == 'qa':
            options['doc_stride'] = args.max_tokens // 8
    if args.drops:
        options['learning_rate'] = 0
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(1)
        net = Torch(args.model, recipe, labels_of(recipe, rows), options, drops=args.drops)
        start = args.model
        if recipe.task != 'embed':
            start = folder + '/start'
            net.model.save_pretrained(start)
            net.tokenizer.save_pretrained(start)
        if recipe.task == 'tag':  # a sentence past the window is cut in two here, and cut off there
            length = lambda words: len(net.tokenizer(words, is_split_into_words=True)['input_ids'])
            rows = [row for row in rows if length(row[0]) <= net.max_tokens]
        quiet = lambda *_: None
        asked = dict(options, warmup=WARMUP, **({} if args.drops else dict(dropout=0, attention_dropout=0)))
        if net.labels:
            asked['labels'] = net.labels
        db, ours = train_ours(args.so, start, recipe, rows, asked, quiet)
        theirs = net.train(rows, options, quiet)
        db.execute("SELECT bert_save('trained', ?)", (folder + '/end',)).fetchall()
        end = Torch(folder + '/end', recipe, labels_of(recipe, rows), options).model.state_dict()
    off = [a - b for a, b in zip(ours, theirs)]
    for step, (a, b) in enumerate(zip(ours, theirs), 1) if args.verbose else []:
        print(f'    step {step:3}  {a:.7f}  {b:.7f}  {a - b:+.1e}')
    if args.drops:
        mean = sum(off) / len(off)
        error = math.sqrt(sum((x - mean) ** 2 for x in off) / len(off) / (len(off) - 1))
        print(f'{name:10} mean loss with dropout {sum(ours) / len(ours):.5f} and {sum(theirs) / len(theirs):.5f}: '
              f'differs by {mean:+.5f}, standard error {error:.5f}', flush=True)
    else:
        worst, where = compare_weights(net.model.state_dict(), end)
        print(f'{name:10} {len(ours)} and {len(theirs)} steps, loss {theirs[0]:.4f} to {theirs[-1]:.4f}: differs by '
              f'{abs(off[0]):.1e} at first, at most {max(map(abs, off)):.1e}; weights by {worst:.1e} ({where})',
              flush=True)


def results(path):
    return [json.loads(line) for line in lines(path)] if os.path.exists(path) else []


def show_table(done, names):
    mean = lambda x: sum(x) / len(x)
    print('| task | figure | ours | transformers | difference |\n|---|---|---|---|---|')
    for name in names:
        recipe = RECIPES[name]
        cells = {}
        for r in done:
            if r['task'] == name and {k: v for k, v in r['options'].items() if k != 'seed'} == recipe.options:
                for figure, x in r['figures'].items():
                    cells.setdefault(figure, {}).setdefault(r['side'], []).append(x)
        for figure, sides in cells.items():
            if recipe.known and 'torch' not in sides:
                sides['torch'] = [recipe.known[figure]]
            text = lambda x: f"{mean(x):.2f} ({', '.join(f'{v:.2f}' for v in x)})" if len(x) > 1 else f'{x[0]:.2f}'
            both = [text(sides[s]) if s in sides else '' for s in ('ours', 'torch')]
            off = f"{mean(sides['ours']) - mean(sides['torch']):+.2f}" if len(sides) == 2 else ''
            print(f'| {name} | {figure} | {both[0]} | {both[1]} | {off} |')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('data')
    p.add_argument('model')
    p.add_argument('--task', default=','.join(RECIPES))
    p.add_argument('--side', choices=['ours', 'torch', 'both'], default='both')
    p.add_argument('--seeds', default='0')
    p.add_argument('--steps', type=int, help='compare the first steps instead')
    p.add_argument('--rows', type=int, default=400, help='of --steps: how many rows there are')
    p.add_argument('--drops', action='store_true', help='of --steps: with dropout, at a learning rate of 0')
    p.add_argument('--max-tokens', type=int, help='of --steps: for models of fewer positions than the recipes have')
    p.add_argument('--verbose', action='store_true')
    p.add_argument('--table', action='store_true')
    p.add_argument('--device', help="of torch: where its side runs, as 'cuda'; in float32 there too")
    p.add_argument('--results', default='parity.jsonl')
    p.add_argument('--so', default=os.path.join(HERE, '../../bert'))
    args = p.parse_args()
    names = args.task.split(',')
    if args.device:
        import torch
        torch.set_default_device(args.device)
    for name in names:
        if args.steps:
            compare_steps(args, name)
    done = results(args.results)
    for name in names if not args.steps and not args.table else []:
        for side in ['ours', 'torch'] if args.side == 'both' else [args.side]:
            for seed in map(int, args.seeds.split(',')):
                options = dict(RECIPES[name].options, seed=seed)
                if any(r['task'] == name and r['side'] == side and r['options'] == options for r in done):
                    continue
                done.append(run(args, name, side, seed))
                with open(args.results, 'a', encoding='utf-8') as f:
                    f.write(json.dumps(done[-1]) + '\n')
                print(json.dumps(done[-1]), flush=True)
    if not args.steps:
        show_table(done, names)


if __name__ == '__main__':
    main()
