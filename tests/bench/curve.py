"""Pre-training from nothing, here and in transformers: the same weights to begin with, the same batches, both curves.

    python3 curve.py CORPUS.DB [--steps 200] [--documents 2000] [--so bert]

CORPUS.DB has documents(id, document, text): models/corpus.py makes it. A BERT of 4 layers of 256 with a vocabulary of its own;
no dropout, so that nothing is drawn but masks and pairs, which torch is given as bert_pretrain_examples shows them. Prints both
losses each 20 steps, and the largest difference. Needs torch, transformers and apsw; some minutes. By hand: no test.
"""
import argparse
import json
import os
import sys
import tempfile

import apsw
import torch
import transformers

from parity import order_of

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../golden'))
from make_training import batch_of  # noqa: E402

transformers.utils.logging.disable_progress_bar()
BATCH, SEED = 32, 1
SHAPE = dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024)
RECIPE = dict(batch_size=BATCH, learning_rate=1e-3, correct_bias=True, beta2=0.999, epsilon=1e-6, weight_decay=0.01, warmup=0.1,
              dropout=0, attention_dropout=0)
EXAMPLES = dict(max_tokens=128, dupe_factor=1, seed=SEED)


class Pieces:
    """The ids of pieces, as batch_of asks for them."""

    def __init__(self, pieces):
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self.pad_token_id, self.sep_token_id = self.ids['[PAD]'], self.ids['[SEP]']

    def convert_tokens_to_ids(self, tokens):
        return [self.ids[token] for token in tokens]


def begin(db, folder):
    """A model that has learned nothing, in the folder."""
    pieces = [p for p, in db.execute("SELECT piece FROM bert_train_vocab('SELECT text FROM rows', '{\"vocab_size\":8192}')")]
    with open(folder + '/vocab.txt', 'w', encoding='utf-8') as f:
        f.write('\n'.join(pieces) + '\n')
    torch.manual_seed(SEED)
    config = transformers.BertConfig(vocab_size=len(pieces), hidden_dropout_prob=0, attention_probs_dropout_prob=0, **SHAPE)
    transformers.BertForPreTraining(config).save_pretrained(folder)
    return transformers.BertForPreTraining.from_pretrained(folder).train(), Pieces(pieces)


def ours(db, steps):
    options = dict(RECIPE, **EXAMPLES, **{'from': 'm', 'model': 'out'}, steps=steps)
    return [(mlm, nsp) for mlm, nsp in
            db.execute("SELECT mlm_loss, nsp_loss FROM bert_pretrain('SELECT document, text FROM rows ORDER BY id', ?)",
                       (json.dumps(options),))]


def theirs(db, model, pieces, steps):
    made = db.execute("SELECT tokens, is_next, positions, labels FROM bert_pretrain_examples("
                      "'SELECT document, text FROM rows ORDER BY id', ?)", (json.dumps({'from': 'm', **EXAMPLES}),)).fetchall()
    if len(made) < steps * BATCH:
        sys.exit(f'{len(made)} examples, wanted {steps * BATCH}: name more --documents')
    order = order_of(SEED, 0, len(made))
    decays, plain = ([p for p in model.parameters() if (p.dim() > 1) == more] for more in (True, False))
    adam = torch.optim.AdamW([dict(params=decays, weight_decay=RECIPE['weight_decay']), dict(params=plain, weight_decay=0)],
                             lr=RECIPE['learning_rate'], eps=RECIPE['epsilon'])
    schedule = transformers.get_linear_schedule_with_warmup(adam, int(RECIPE['warmup'] * steps), steps)
    entropy = torch.nn.functional.cross_entropy
    for step in range(steps):
        x = batch_of([made[i] for i in order[step * BATCH:][:BATCH]], pieces)
        labels, follows = x.pop('labels'), x.pop('next_sentence_label')
        out = model(**x)
        mlm = entropy(out.prediction_logits.flatten(0, 1), labels.flatten())
        nsp = entropy(out.seq_relationship_logits, follows)
        adam.zero_grad()
        (mlm + nsp).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        schedule.step()
        yield mlm.item(), nsp.item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('corpus')
    p.add_argument('--steps', type=int, default=200)
    p.add_argument('--documents', type=int, default=2000)
    p.add_argument('--so', default=os.path.join(HERE, '../../bert'))
    args = p.parse_args()
    db = apsw.Connection(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.abspath(args.so))
    db.execute('ATTACH ? AS corpus', (args.corpus,))
    db.execute('CREATE TABLE rows AS SELECT * FROM corpus.documents WHERE document IN '
               '(SELECT DISTINCT document FROM corpus.documents ORDER BY document LIMIT ?)', (args.documents,))
    with tempfile.TemporaryDirectory() as folder:
        model, pieces = begin(db, folder)
        db.execute("SELECT bert_load('m', ?)", (folder,)).fetchall()
        left = ours(db, args.steps)
        off = 0.0
        print('step    masked words: ours  torch    next sentence: ours  torch')
        for step, (a, b) in enumerate(zip(left, theirs(db, model, pieces, args.steps)), 1):
            off = max(off, abs(a[0] - b[0]), abs(a[1] - b[1]))
            if step % 20 == 0 or step == 1:
                print(f'{step:4}         {a[0]:8.4f} {b[0]:8.4f}            {a[1]:8.4f} {b[1]:8.4f}', flush=True)
        print(f'{args.steps} steps of {BATCH} x {EXAMPLES["max_tokens"]}: losses differ by at most {off:.1e}')


if __name__ == '__main__':
    main()
