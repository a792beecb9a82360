"""make_heads.py -- makes tests/golden/heads: tiny random models with heads, and what transformers makes of them.

    python make_heads.py               writes heads/ beside this file, anew (15 seconds)
    python make_heads.py NAME ...      only these

Run by a developer, once; the tests read what it wrote (heads.py). Made with the versions that make_models.py names.
Each directory is what users have (config.json, model.safetensors, tokenizer.json ...) and expected.json:

    {"made_with": {...}, "rows": [{"task": ..., what is asked ..., what is answered ...}]}

Answers come from transformers' pipelines and from CrossEncoder, but for question answering: transformers 5 has no
such pipeline, so `pipeline_answers` is what version 4's did (top_k 20, max_answer_len 30), written after its
description, and `squad_answer` what run_squad's evaluation does (n_best_size 20, null score difference). Long texts are
tagged by `tag_by_windows`: each word in the window where it is farthest from an edge."""

import json
import os
import shutil
import sys

import numpy as np
import tokenizers
import torch
import transformers
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, pipeline

import make_models as common

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = common.CORPUS.split()
TEXTS = [t for t in common.SHORT if t] + [' '.join(WORDS[40:55])]
PAIRS = common.PAIRS[:3]
TAGGED = TEXTS + ['Anna-Maria von Büren (Zürich), U.S.A.: "o\'clock"... café, naïve!', ' '.join(WORDS[3:20])]
QUESTIONS = [
    ('Where does the river begin?', ' '.join(WORDS[:18])),
    ('Who wrote the letter?', ' '.join(WORDS[10:150])),
    ('', ' '.join(WORDS[30:60])),
    ('What is it? ' * 4, 'À l\'été: niño, Äpfel, Straße & ΘΆΛΑΣΣΑ; the river, The River, THE RIVER 今天天气'),
    ('Who?', ' '.join(WORDS[:700])),
]
NER_LABELS = ['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG', 'LOC', 'I-LOC', 'B-MISC-X']

BERT, ROBERTA, DISTIL = 'Bert', 'Roberta', 'DistilBert'
MODELS = [
    dict(name='bert-classify', family=BERT, head='SequenceClassification', labels=['bad', 'so so', 'good']),
    dict(name='bert-multilabel', family=BERT, head='SequenceClassification', labels=list('abcd'),
         config=dict(problem_type='multi_label_classification', hidden_size=21)),
    dict(name='bert-regression', family=BERT, head='SequenceClassification', labels=['LABEL_0'],
         config=dict(problem_type='regression')),
    dict(name='bert-reranker', family=BERT, head='SequenceClassification', labels=['LABEL_0']),
    dict(name='bert-reranker-raw', family=BERT, head='SequenceClassification', labels=['LABEL_0'],
         config=dict(sentence_transformers={'activation_fn': 'torch.nn.modules.linear.Identity', 'version': '5.0.0'})),
    dict(name='bert-nli', family=BERT, head='SequenceClassification', labels=['neutral', 'Contradiction', 'ENTAILMENT'],
         zero_shot=1),
    dict(name='bert-nli-first', family=BERT, head='SequenceClassification', labels=['entailment', 'not_entailment'],
         zero_shot=1),
    dict(name='bert-next', family=BERT, head='NextSentencePrediction'),
    dict(name='bert-pretraining', family=BERT, head='PreTraining'),
    dict(name='bert-mlm', family=BERT, head='MaskedLM', config=dict(hidden_act='gelu_new')),
    dict(name='bert-mlm-untied', family=BERT, head='MaskedLM', config=dict(tie_word_embeddings=False)),
    dict(name='bert-qa', family=BERT, head='QuestionAnswering'),
    dict(name='bert-qa-512', family=BERT, head='QuestionAnswering',
         config=dict(max_position_embeddings=512, hidden_size=8, num_attention_heads=1, intermediate_size=16,
                     num_hidden_layers=1)),
    dict(name='bert-ner', family=BERT, head='TokenClassification', labels=NER_LABELS, lowercase=False),
    dict(name='distilbert-classify', family=DISTIL, head='SequenceClassification', labels=['NEGATIVE', 'POSITIVE']),
    dict(name='distilbert-ner', family=DISTIL, head='TokenClassification', labels=NER_LABELS),
    dict(name='distilbert-qa', family=DISTIL, head='QuestionAnswering'),
    dict(name='distilbert-mlm', family=DISTIL, head='MaskedLM', config=dict(activation='relu')),
    dict(name='roberta-classify', family=ROBERTA, head='SequenceClassification', labels=['neg', 'pos']),
    dict(name='roberta-qa', family=ROBERTA, head='QuestionAnswering'),
    dict(name='roberta-mlm', family=ROBERTA, head='MaskedLM'),
    dict(name='roberta-ner', family=ROBERTA, head='TokenClassification', labels=NER_LABELS),
]


# ---- models ---------------------------------------------------------------------------------------------------------


def byte_level_tokenizer():
    t = tokenizers.Tokenizer(tokenizers.models.BPE())
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = tokenizers.decoders.ByteLevel()
    special = ['<s>', '<pad>', '</s>', '<unk>', '<mask>']
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=450, special_tokens=special, show_progress=False,
                                             initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator([common.CORPUS], trainer)
    t.post_processor = tokenizers.processors.RobertaProcessing(('</s>', 2), ('<s>', 0), add_prefix_space=False)
    t.add_special_tokens([tokenizers.AddedToken('<mask>', lstrip=True, special=True)])
    return t


def save_tokenizer(directory, m, positions):
    if m['family'] == ROBERTA:
        t = byte_level_tokenizer()
        settings = dict(tokenizer_class='RobertaTokenizer', model_max_length=positions - 2, cls_token='<s>',
                        sep_token='</s>', pad_token='<pad>', unk_token='<unk>', mask_token='<mask>', bos_token='<s>',
                        eos_token='</s>')
    else:
        lowercase = m.get('lowercase', True)
        t = common.make_tokenizer(common.make_vocabulary(400, lowercase), common.normalizer(lowercase))
        settings = dict(tokenizer_class='BertTokenizer', do_lower_case=lowercase, model_max_length=positions,
                        cls_token='[CLS]', sep_token='[SEP]', pad_token='[PAD]', unk_token='[UNK]', mask_token='[MASK]')
        t.decoder = tokenizers.decoders.WordPiece()
    t.save(os.path.join(directory, 'tokenizer.json'))
    common.write_json(os.path.join(directory, 'tokenizer_config.json'), settings, indent=1)
    return t.get_vocab_size()


def make_config(m, vocabulary):
    own = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
               max_position_embeddings=64)
    own.update(m.get('config', {}))
    if m['family'] == DISTIL:
        for new, old in (('dim', 'hidden_size'), ('n_layers', 'num_hidden_layers'), ('n_heads', 'num_attention_heads'),
                         ('hidden_dim', 'intermediate_size')):
            own[new] = own.pop(old)
    if m['family'] == ROBERTA:
        own.update(type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                   max_position_embeddings=own['max_position_embeddings'] + 2)
    if m.get('labels'):
        own.update(id2label=dict(enumerate(m['labels'])), label2id={x: i for i, x in enumerate(m['labels'])})
    return getattr(transformers, m['family'] + 'Config')(vocab_size=vocabulary, attn_implementation='eager', **own)


def make_model(directory, m, seed):
    positions = {**dict(max_position_embeddings=64), **m.get('config', {})}['max_position_embeddings']
    vocabulary = save_tokenizer(directory, m, positions + 2 * (m['family'] == ROBERTA))
    model = getattr(transformers, m['family'] + 'For' + m['head'])(make_config(m, vocabulary)).eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = 'norm' in name.lower() and name.endswith('weight')
            scale = 0.15 if norm else 0.2 if name.endswith('bias') else 0.6
            if 'embeddings' not in name and len(p.shape) == 2:
                scale = 1.3 / p.shape[-1] ** 0.5
            p.copy_(torch.from_numpy(rng.standard_normal(tuple(p.shape)).astype(np.float32) * np.float32(scale) + norm))
    if not model.config.tie_word_embeddings or m['head'] not in ('MaskedLM', 'PreTraining'):
        model.tie_weights = lambda *a, **k: None
    else:
        model.tie_weights()
    model.save_pretrained(directory)
    return model


# ---- questions ------------------------------------------------------------------------------------------------------


def windows_of(model, tok, question, passage):
    """Start and end logits of each window, with [CLS] at 0, and the passage's tokens: index, offsets, word."""
    ids = tok(question, add_special_tokens=False, return_offsets_mapping=True)
    if len(ids['input_ids']) > 64:
        question = question[:ids['offset_mapping'][63][1]]
    window = min(384, tok.model_max_length)
    e = tok(question, passage, truncation='only_second', max_length=window, stride=min(128, window // 2),
            return_overflowing_tokens=True, return_offsets_mapping=True)
    for i in range(len(e['input_ids'])):
        args = dict(input_ids=torch.tensor([e['input_ids'][i]]))
        if 'token_type_ids' in tok.model_input_names:
            args['token_type_ids'] = torch.tensor([e['token_type_ids'][i]])
        with torch.no_grad():
            o = model(**args)
        enc = e.encodings[i]
        here = [t for t, s in enumerate(enc.sequence_ids) if s == 1]
        yield (o.start_logits[0].numpy().astype(np.float64), o.end_logits[0].numpy().astype(np.float64), here, enc)


def pipeline_answers(windows, passage):
    found = []
    for start, end, here, enc in windows:
        allowed = [0] + here

        def softmax(x):
            y = np.exp(x[allowed] - x[allowed].max())
            return dict(zip(allowed, y / y.sum()))

        s, e = softmax(start), softmax(end)
        spans = [(s[i] * e[j], i, j) for i in here for j in here if i <= j < i + 30]
        for score, i, j in sorted(spans, key=lambda x: -x[0])[:50]:
            first = enc.word_to_chars(enc.token_to_word(i), 1)[0]
            last = enc.word_to_chars(enc.token_to_word(j), 1)[1]
            for f in found:
                if passage[f['start']:f['end']].lower() == passage[first:last].lower():
                    f['score'] += score
                    break
            else:
                found.append(dict(score=score, start=first, end=last))
    return sorted(found, key=lambda f: -f['score'])[:20]


def squad_answer(windows):
    """The best sum of logits, where it is, and how much the smallest null score exceeds it."""
    best, null = None, None
    for start, end, here, enc in windows:
        zero = start[0] + end[0]
        null = zero if null is None else min(null, zero)
        for i in np.argsort(-start, kind='stable')[:20]:
            for j in np.argsort(-end, kind='stable')[:20]:
                if i in here and j in here and i <= j < i + 30 and (best is None or start[i] + end[j] > best[0]):
                    best = (start[i] + end[j], enc.offsets[i][0], enc.offsets[j][1])
    return best and dict(logit=best[0], start=int(best[1]), end=int(best[2]), null=null - best[0])


def answer_rows(model, tok):
    for question, passage in QUESTIONS:
        n = len(tok(question, add_special_tokens=False)['input_ids'])
        window = min(384, tok.model_max_length)
        if window - min(n, 64) - 4 <= min(128, window // 2):
            continue  # the reference's overlap is then larger than its windows
        w = list(windows_of(model, tok, question, passage))
        yield dict(task='answer', question=question, passage=passage, windows=len(w),
                   answers=pipeline_answers(w, passage), best=squad_answer(w))


# ---- words ----------------------------------------------------------------------------------------------------------


def token_scores(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].softmax(-1).numpy()


def tag_by_windows(model, tok, text):
    e = tok(text, return_offsets_mapping=True, truncation=False)
    words = e.word_ids()
    room, n = tok.model_max_length - 2, len(words) - 2
    begins = [t == 0 or words[t + 1] != words[t] for t in range(n)]
    from_, rows, counts = 0, [], 0
    while from_ < n:
        end = min(n, from_ + room)
        if end < n:
            cut = end
            while cut > from_ and not begins[cut]:
                cut -= 1
            end = cut if cut > from_ else end
        nxt = max(end - min(128, room // 4), from_ + 1)
        while nxt < end and not begins[nxt]:
            nxt += 1
        until = n if end == n else nxt + (end - nxt + 1) // 2
        ids = e['input_ids']
        p = token_scores(model, ids[:1] + ids[1 + from_:1 + end] + ids[-1:])
        for t in range(counts, until):
            if begins[t]:
                last = t
                while last + 1 < n and not begins[last + 1]:
                    last += 1
                q = p[1 + t - from_]
                rows.append([model.config.id2label[int(q.argmax())], float(q.max()), e['offset_mapping'][t + 1][0],
                             e['offset_mapping'][last + 1][1]])
        from_, counts = (n, n) if end == n else (nxt, until)
    return rows


def tag_rows(model, tok):
    pipe = pipeline('token-classification', model=model, tokenizer=tok, aggregation_strategy='first')
    for text in TAGGED:
        if len(tok(text)['input_ids']) > tok.model_max_length:
            continue
        row = dict(task='tag', text=text, tags=tag_by_windows(model, tok, text))
        if tok.__class__.__name__ != 'RobertaTokenizer':  # there the pipeline knows no words but those between blanks
            words = [dict(entity=x[0], score=x[1], word='', start=x[2], end=x[3]) for x in row['tags']]
            entities = [[x['entity_group'], float(x['score']), x['start'], x['end']] for x in pipe(text)]
            grouped = [[x['entity_group'], float(x['score']), x['start'], x['end']] for x in pipe.group_entities(words)]
            assert [x[:1] + x[2:] for x in grouped if x[0] != 'O'] == [x[:1] + x[2:] for x in entities], text
        yield row
        yield dict(task='entities', text=text, entities=group(pipe, row['tags']))
    for k in (70, 400):
        text = ' '.join(WORDS[:k])
        tags = tag_by_windows(model, tok, text)
        yield dict(task='tag', text=text, tags=tags)
        yield dict(task='entities', text=text, entities=group(pipe, tags))


def group(pipe, tags):
    words = [dict(entity=x[0], score=x[1], word='', start=x[2], end=x[3]) for x in tags]
    return [[x['entity_group'], float(x['score']), x['start'], x['end']] for x in pipe.group_entities(words)
            if x['entity_group'] != 'O']


# ---- the other tasks ------------------------------------------------------------------------------------------------


def encoded(tok, a, b=None, **kw):
    """As a batch of one: alone, an empty pair would be taken for none."""
    e = tok([a], [b], return_tensors='pt', **kw) if b is not None else tok([a], return_tensors='pt', **kw)
    return {k: v for k, v in e.items() if k in tok.model_input_names}


def classify_rows(model, tok, m, directory):
    pipe = pipeline('text-classification', model=model, tokenizer=tok, top_k=None)
    rows = [(t, None) for t in TEXTS] + PAIRS
    for a, b in rows:
        e = encoded(tok, a, b, truncation='longest_first', max_length=tok.model_max_length)
        with torch.no_grad():
            logits = model(**e).logits[0]
        scores = {x['label']: x['score'] for x in pipe.postprocess({'logits': logits[None]}, top_k=None, _legacy=False)}
        row = dict(task='classify', a=a, b=b, logits=logits.tolist(), scores=[scores[x] for x in m['labels']])
        if len(m['labels']) == 1 and b is not None:
            row['rerank'] = float(CrossEncoder(directory, device='cpu').predict([(a, b)])[0])
        yield row
    if m.get('zero_shot'):
        pipe = pipeline('zero-shot-classification', model=model, tokenizer=tok)
        for text in (TEXTS[1], ' '.join(WORDS[:200])):
            for kw in (dict(), dict(multi_label=True), dict(hypothesis_template='It {{says}} {}!')):
                for labels in (['travel', 'cooking', 'the river, and boats'], ['music']):
                    o = pipe(text, labels, **kw)
                    yield dict(task='zero-shot', text=text, labels=labels, template=kw.get('hypothesis_template'),
                               multi_label=kw.get('multi_label', False),
                               scores=[o['scores'][o['labels'].index(x)] for x in labels])


def next_rows(model, tok):
    for a, b in PAIRS:
        with torch.no_grad():
            o = model(**encoded(tok, a, b))
        logits = o.seq_relationship_logits if 'seq_relationship_logits' in o else o.logits
        yield dict(task='next', a=a, b=b, probability=float(logits[0].softmax(-1)[0]))


def fill_rows(model, tok):
    long = ' '.join(WORDS[:200])
    short = ('The {} begins in the mountains.', '{} and {} are under water again', 'x{}')
    for text in (*short, long + '{}', '{} ' + long):
        text = text.replace('{}', tok.mask_token)
        e = encoded(tok, text, truncation=True, max_length=tok.model_max_length)
        where = (e['input_ids'][0] == tok.mask_token_id).nonzero().flatten().tolist()
        with torch.no_grad():
            o = model(**e)
        p = (o.prediction_logits if 'prediction_logits' in o else o.logits)[0].softmax(-1)
        for i, t in enumerate(where):
            top = p[t].topk(8)
            filled = e['input_ids'][0].tolist()
            filled[t] = int(top.indices[0])
            yield dict(task='fill', text=text, mask=i, position=t, ids=top.indices.tolist(), scores=top.values.tolist(),
                       token=tok.decode([filled[t]]), filled=filled, sequence=tok.decode(filled),
                       plain=tok.decode(filled, skip_special_tokens=True))
        yield dict(task='fill', text=text, mask=len(where), error='mask' if tok.mask_token == '<mask>' else '[MASK]')


def attention_rows(model, tok):
    for a, b in ((TEXTS[1], None), PAIRS[0]):
        with torch.no_grad():
            o = model(**encoded(tok, a, b), output_attentions=True)
        yield dict(task='attention', a=a, b=b, weights=[[[[round(x, 6) for x in r] for r in h] for h in y[0].tolist()]
                                                       for y in o.attentions])


def rows_of(directory, m, model, tok):
    if m['head'] == 'SequenceClassification':
        yield from classify_rows(model, tok, m, directory)
    if m['head'] in ('NextSentencePrediction', 'PreTraining'):
        yield from next_rows(model, tok)
    if m['head'] in ('MaskedLM', 'PreTraining'):
        yield from fill_rows(model, tok)
    if m['head'] == 'QuestionAnswering':
        yield from answer_rows(model, tok)
    if m['head'] == 'TokenClassification':
        yield from tag_rows(model, tok)
    if m['name'].endswith(('classify', 'mlm')):
        yield from attention_rows(model, tok)


def main(names):
    for i, m in enumerate(MODELS):
        if names and m['name'] not in names:
            continue
        directory = os.path.join(HERE, 'heads', m['name'])
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        model = make_model(directory, m, 100 + i)
        tok = AutoTokenizer.from_pretrained(directory)
        made = dict(transformers=transformers.__version__, torch=torch.__version__, seed=100 + i)
        rows = list(rows_of(directory, m, model, tok))
        common.write_json(os.path.join(directory, 'expected.json'), dict(made_with=made, rows=rows))
        print(m['name'], len(rows), flush=True)


if __name__ == '__main__':
    torch.set_num_threads(1)
    main(sys.argv[1:])
