"""The card of a model inside: what it is for, what it learned from, by which recipe, how good it is, its licence.

    python3 models/card.py bert.so DATA TASK=DIRECTORY …

Measures each as measure.py does, as it answers inside of bert.so, and writes DIRECTORY/card.json, from which make embedded
takes it; bert_models shows it in its hidden column `card`.
"""
import json
import os
import sys

import measure

START = 'all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0)'
PROSE = {'OpenStax textbooks': 'CC BY 4.0', 'classic books, ELTeC-eng': 'public domain', 'MedQuAD answers': 'CC BY 4.0'}
SST2 = {'SST-2': 'none stated; models trained on it are published under Apache-2.0 by others'}
SQUAD = {'SQuAD 1.1 and 2.0, articles of their dev sets': 'CC BY-SA 4.0'}
NLI = {'SNLI, first half of validation': 'CC BY-SA 4.0', 'MED, HELP, Breaking-NLI': 'CC BY-SA 4.0'}

CARDS = {
    'vectors': {
        'task': 'bert_embed, bert_similarity, bert_index: vectors in the space of all-MiniLM-L6-v2',
        'teacher': START,
        'recipe': 'models/02_vectors_first.sql, models/03_vectors.sql',
        'data': {**PROSE, 'WordNet glosses, factbook, PEPs, Rust RFCs, PowerShell docs': 'CC BY and open',
                 'GoEmotions, banking77': 'CC BY 4.0', 'STS-B (sentences without scores), SQuAD, SNLI': 'CC BY-SA 4.0',
                 'QAMR, PolicyQA': 'MIT', 'WikiANN': 'ODC-By', **SST2}},
    'sentiment': {
        'task': 'bert_classify(text): negative or positive',
        'recipe': 'models/01_questions.sql, models/05_sentiment.sql',
        'data': {'SST-2: sentences and phrases of film reviews': SST2['SST-2']}},
    'inference': {
        'task': 'bert_classify(a, b), bert_zero_shot: entailment, neutral or contradiction',
        'recipe': 'models/01_questions.sql, models/06_inference.sql',
        'data': NLI},
    'questions': {
        'task': 'bert_qa, bert_answers: the words of a passage that answer a question',
        'recipe': 'models/01_questions.sql',
        'data': {**SQUAD, 'QAMR, PolicyQA': 'MIT'}},
    'names': {
        'task': 'bert_ner, bert_tags: persons, organisations and places',
        'recipe': 'models/01_questions.sql, models/04_names.sql',
        'data': {'WikiANN, English': 'ODC-By'}},
    'words': {
        'task': 'bert_fill_mask, bert_next_sentence',
        'recipe': 'models/07_words.sql',
        'data': PROSE},
}


def main():
    measure.SO, data = os.path.abspath(sys.argv[1]), sys.argv[2]
    for task, directory in (argument.split('=') for argument in sys.argv[3:]):
        figures = measure.TASKS[task](measure.connect(measure.SO, 'embedded'), data)
        card = {**CARDS[task], 'start': START, 'measures': figures, 'measured_by': 'models/measure.py, as it is inside',
                'licence': 'Apache-2.0'}
        with open(directory + '/card.json', 'w', encoding='utf-8') as f:
            json.dump(card, f, indent=1)
            f.write('\n')
        print(json.dumps({'task': task, **figures}), flush=True)


if __name__ == '__main__':
    main()
