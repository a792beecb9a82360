"""Trains the byte-level BPE of tokenizer_parity.py: bytelevel-vocab.json.xz and bytelevel-merges.txt.xz, beside this file.

    python tests/golden/vocab/make_bytelevel.py

3,000 pieces with RoBERTa's special tokens, out of the repository's own texts, by the `tokenizers` package.
"""
import glob
import json
import lzma
import os

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = [*sorted(glob.glob(f'{HERE}/../text/*.txt')), f'{HERE}/../../../demo/corpus.csv']


def main():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train(SOURCES, trainers.BpeTrainer(vocab_size=3000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                         special_tokens=['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
                                         show_progress=False))
    model = json.loads(t.to_str())['model']
    files = {'vocab.json': json.dumps(model['vocab'], ensure_ascii=False, separators=(',', ':')),
             'merges.txt': '#version: 0.2\n' + ''.join(f'{a} {b}\n' for a, b in model['merges'])}
    for name, text in files.items():
        with lzma.open(f'{HERE}/bytelevel-{name}.xz', 'wb', preset=9 | lzma.PRESET_EXTREME) as f:
            f.write(text.encode())


main()
