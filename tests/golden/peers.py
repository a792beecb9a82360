"""peers.py -- heads against transformers on generated and real cases, through SQL.

    python peers.py BERT.SO SQUAD.json VOCABULARIES [CASES]        default 200 cases a model; 3 minutes

Run by a developer, where torch, transformers and apsw are; the tests read what make_heads.py wrote. SQUAD.json is a file of
SQuAD 2.0; VOCABULARIES holds bert-base-{uncased,cased,multilingual-cased}-vocab.txt, roberta-base-vocab.json and -merges.txt.
Models are tiny and random over those real vocabularies, made anew each time.

  qa         bert_qa = run_squad's post-processing: windows of 384 by 128, 20 best starts and ends, 30 tokens, null threshold
  tags       bert_ner = aggregation_strategy "first" over the tokenizer's words. (Where the pipeline itself guesses at words --
             byte-level BPE, and lower-cased text whose pieces are shorter than what they stand for -- it cuts or joins them.)
  zero-shot  bert_zero_shot = the pipeline: templates, any order of labels, one or many
  sizes      bert_classes and bert_token_embeddings of odd shapes, and of BERT-base's and Large's
"""
import json
import os
import random
import sys
import tempfile

import apsw
import numpy as np
import torch
import transformers as hf

NER = ['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG', 'B-LOC', 'I-LOC']
NLI = ['neutral', 'Contradiction', 'ENTAILMENT']
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
SIZES = [(30, 1, 6, 50), (36, 24, 4, 44), (21, 3, 7, 33), (130, 2, 1, 96), (768, 12, 12, 3072), (1024, 24, 16, 4096)]
WORDS = ('Anna Zürich 東京 العربية שלום O\'Neil U.S.A. 3.14 e\u0301te\u0301 👩‍👩‍👧 👍🏽 🇨🇭 naïve co-op Москва Αθήνα हिन्दी ไทย 한국어 '
         'ﬁn Ⅷ a_b x@y.z #tag \u200bzero ab\u00adcd İstanbul ß NASA isn\'t ... — “q” Ǆ 𝔘𝔫𝔦 \ufeffbom \u0301 n\u0303 river unbelievably '
         'antidisestablishmentarianism ½ % [SEP] <s>').split(' ') + ['\t', '\n', '\u00a0', '\u3000']


def labels(names):
    return dict(num_labels=len(names), id2label=dict(enumerate(names)), label2id={x: i for i, x in enumerate(names)})


class Peer:
    """A random model, opened on both sides."""

    def __init__(self, db, room, vocabulary, head, options=None, sizes=SMALL, **config):
        self.db, self.options = db, options
        at = lambda name: os.path.join(room['vocabularies'], name)
        if vocabulary == 'roberta':
            self.tok = hf.RobertaTokenizerFast(at('roberta-base-vocab.json'), at('roberta-base-merges.txt'))
            made = hf.RobertaConfig(vocab_size=len(self.tok), max_position_embeddings=514, type_vocab_size=1, **sizes, **config)
            family = 'Roberta'
        else:
            self.tok = hf.BertTokenizerFast(at(f'bert-base-{vocabulary}-vocab.txt'), do_lower_case='uncased' in vocabulary)
            made, family = hf.BertConfig(vocab_size=len(self.tok), **sizes, **config), 'Bert'
        self.model = getattr(hf, f'{family}For{head}')(made).eval()
        torch.manual_seed(5)
        for name, p in self.model.named_parameters():
            spread = 0.5 if 'embed' in name else 1.5 / p.shape[-1] ** 0.5 if p.dim() > 1 else 0.1
            torch.nn.init.normal_(p, 1 if name.endswith('orm.weight') else 0, spread)
        self.directory = tempfile.mkdtemp(dir=room['directory'])
        self.model.save_pretrained(self.directory)
        self.tok.save_pretrained(self.directory)
        self.load()

    def load(self, options=None):
        self.db.execute("SELECT bert_load('m', ?, ?)", (self.directory, json.dumps(options or {}))).fetchall()

    def sql(self, text, *values):
        return self.db.execute(text, values).fetchall()


# ---- questions ---------------------------------------------------------------------------------------------------------

def squad_questions(path, count):
    data = json.load(open(path, encoding='utf-8'))
    rows = []
    for article in data.get('data', data):
        passages = [p['context'] for p in article['paragraphs']]
        for i, p in enumerate(article['paragraphs']):
            for q in p['qas'][:2]:
                rows += [(q['question'], p['context']), (q['question'], ' '.join(passages[max(0, i - 2):i + 4]))]
    random.shuffle(rows)
    return rows[:count] + [('a very long question ' * 40, rows[0][1]), ('?', rows[1][1]), ('', rows[2][1])]


def run_squad(peer, question, passage):
    """(text, its score, the next best score, the null score, windows)."""
    cut = peer.tok(question, add_special_tokens=False, return_offsets_mapping=True).offset_mapping[:64]
    e = peer.tok(question[:cut[-1][1]] if cut else '', passage, max_length=384, truncation='only_second', stride=128,
                 return_overflowing_tokens=True, return_offsets_mapping=True)
    found, null = [], []
    for w in range(len(e['input_ids'])):
        with torch.no_grad():
            out = peer.model(**{k: torch.tensor([e[k][w]]) for k in peer.tok.model_input_names if k in e})
        start, end = out.start_logits[0].numpy(), out.end_logits[0].numpy()
        place = [o if s == 1 else None for o, s in zip(e['offset_mapping'][w], e.sequence_ids(w))]
        null.append(float(start[0]) + float(end[0]))
        for i in np.argsort(start, kind='stable')[-1:-21:-1].tolist():
            for j in np.argsort(end, kind='stable')[-1:-21:-1].tolist():
                if place[i] and place[j] and i <= j < i + 30:
                    found.append((float(start[i]) + float(end[j]), passage[place[i][0]:place[j][1]]))
    found.sort(key=lambda x: -x[0])
    return found[0][1], found[0][0], found[1][0], min(null), len(null)


def check_questions(db, room, cases):
    for vocabulary in ('uncased', 'roberta'):
        peer = Peer(db, room, vocabulary, 'QuestionAnswering')
        same = tied = windows = nulls = 0
        rows = [(q, p, run_squad(peer, q, p)) for q, p in squad_questions(room['squad'], cases)]
        for threshold in (None, -3.0, -1.0, 0.0, 1.0):
            peer.load({} if threshold is None else {'bert_null_threshold': threshold})
            for question, passage, (text, best, next_best, null, n) in rows:
                wanted = None if threshold is not None and null - best > threshold else text
                found = peer.sql("SELECT bert_qa(?, ?, 'm')", question, passage)[0][0]
                close = best - next_best < 1e-3 or (threshold is not None and abs(null - best - threshold) < 1e-3)
                same, tied = same + (found == wanted), tied + (found != wanted and close)
                windows, nulls = windows + (n > 1), nulls + (wanted is None)
                assert found == wanted or close, (question, wanted, found)
        print(f'qa {vocabulary}: {same} the same, {tied} tied; {windows} of several windows, {nulls} without an answer')


# ---- words -------------------------------------------------------------------------------------------------------------

def reference_entities(peer, pipe, text):
    e = peer.tok(text, return_offsets_mapping=True, return_tensors='pt')
    place, words = e.pop('offset_mapping')[0].tolist(), e.word_ids(0)
    with torch.no_grad():
        p = peer.model(**e).logits[0].softmax(-1)
    out = []
    for i, word in enumerate(words):
        if word is None:
            continue
        if words[i - 1] == word:
            out[-1]['end'] = place[i][1]
            continue
        k = int(p[i].argmax())
        out.append(dict(entity=peer.model.config.id2label[k], score=float(p[i][k]), word='', start=place[i][0], end=place[i][1]))
    return [(x['entity_group'], x['start'], x['end'], float(x['score'])) for x in pipe.group_entities(out) if x['entity_group'] != 'O']


def check_words(db, room, cases):
    for vocabulary in ('multilingual-cased', 'cased', 'uncased', 'roberta'):
        peer = Peer(db, room, vocabulary, 'TokenClassification', **labels(NER))
        pipe = hf.pipeline('token-classification', model=peer.model, tokenizer=peer.tok, aggregation_strategy='first')
        count = 0
        for _ in range(cases):
            text = ''.join(random.choice(WORDS) + random.choice(['', ' ', ' ', ' ', '  ', '\n']) for _ in range(random.randint(1, 30)))
            wanted = reference_entities(peer, pipe, text)
            found = peer.sql('SELECT entity, "start", "end", score, word FROM bert_ner(?, \'m\')', text)
            assert [x[:3] for x in wanted] == [x[:3] for x in found], (text, wanted, found)
            assert all(abs(x[3] - y[3]) < 2e-4 and y[4] == text[y[1]:y[2]] for x, y in zip(wanted, found)), (text, wanted, found)
            count += len(wanted)
        print(f'tags {vocabulary}: {cases} texts, {count} entities the same')


# ---- labels ------------------------------------------------------------------------------------------------------------

def check_zero_shot(db, room, cases):
    peer = Peer(db, room, 'uncased', 'SequenceClassification', **labels(NLI))
    pipe = hf.pipeline('zero-shot-classification', model=peer.model, tokenizer=peer.tok)
    words, worst = 'river train letter money sad good sport politics naïve 東京 co-op'.split(), 0
    for _ in range(cases):
        text = ' '.join(random.choices(words, k=random.choice([3, 10, 40, 100])))
        asked = random.sample(words, random.randint(1, 6))
        template = random.choice(['This example is {}.', 'It is about {}', '{}', '100% {}.', '{{braces}} {}'])
        many = random.randint(0, 1)
        wanted = pipe(text, asked, hypothesis_template=template, multi_label=bool(many))
        found = peer.sql("SELECT label, score FROM bert_zero_shot(?, ?, 'm', ?, ?)", text, json.dumps(asked), template, many)
        assert [x[0] for x in found] == wanted['labels'], (text, wanted, found)
        worst = max([worst] + [abs(x[1] - y) for x, y in zip(found, wanted['scores'])])
    print(f'zero-shot: {cases} cases, the same order, scores within {worst:.1e}')


def check_sizes(db, room):
    for hidden, layers, heads, inner in SIZES:
        sizes = dict(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner)
        peer = Peer(db, room, 'uncased', 'SequenceClassification', sizes=sizes, **labels(NLI))
        worst = 0
        for text in ('The river flows to the sea, slowly.', '東京 naïve co-operate!', 'word ' * 200):
            e = peer.tok(text, 'a second text', return_tensors='pt', truncation=True, max_length=512)
            with torch.no_grad():
                out = peer.model(**e, output_hidden_states=True)
            wanted = out.logits[0].softmax(-1).numpy()
            found = peer.sql("SELECT label, score FROM bert_classes(?, 'a second text', 'm')", text)
            assert found[0][0] == NLI[int(wanted.argmax())]
            worst = max(worst, np.abs(np.sort(wanted)[::-1] - [x[1] for x in found]).max())
            for layer in (0, layers):
                v = np.array([np.frombuffer(x[0], '<f4') for x in
                              peer.sql("SELECT embedding FROM bert_token_embeddings(?, 'a second text', 'm', ?)", text, layer)])
                state = out.hidden_states[layer][0].numpy()
                worst = max(worst, np.abs(v - state).max() / max(1, np.abs(state).max()))
        assert worst < 1e-4, worst
        print(f'sizes {layers} x {hidden}, {heads} heads: within {worst:.1e}')


def main(so, squad, vocabularies, cases=200):
    hf.logging.set_verbosity_error()
    torch.set_num_threads(1)
    random.seed(1)
    db = apsw.Connection(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    with tempfile.TemporaryDirectory() as directory:
        room = dict(directory=directory, squad=squad, vocabularies=vocabularies)
        check_questions(db, room, int(cases))
        check_words(db, room, int(cases))
        check_zero_shot(db, room, int(cases))
        check_sizes(db, room)


if __name__ == '__main__':
    main(*sys.argv[1:])
