"""Writes engine/text/unicode_tables.c: what the reference tokenizer believes about every code point.

    python tests/tools/unicode_tables.py > engine/text/unicode_tables.c

The `tokenizers` package carries several versions of Unicode at once (one crate for categories, one for decomposition,
Rust's own for lower case and white space), so no published table equals it. This script asks the package itself, code
point by code point, and packs the answers into two-stage tables. Run it again when the reference changes;
tests/golden/tokenizer_parity.py says when that is needed.
"""
import unicodedata
from importlib.metadata import version

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
BLOCK = 128
FLAGS = ['CONTROL', 'SPACE', 'PUNCTUATION', 'MARK', 'WORD', 'DECOMPOSES', 'CJK', 'LETTER', 'NUMBER']
HANGUL = range(0xAC00, 0xD7A4)


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **on}).normalize_str


def word_characters():
    """Regex \\w as single_word sees it: an added token of that kind is found unless a word character stands before it."""
    t = Tokenizer(models.WordPiece({'[UNK]': 0}, unk_token='[UNK]'))
    t.add_tokens([AddedToken('xyz', single_word=True, normalized=False)])
    found = t.encode_batch([chr(c) + 'xyz' for c in CODE_POINTS])
    return {c for c, e in zip(CODE_POINTS, found) if 1 not in e.ids}


def byte_level_classes(spaces):
    """\\p{L} and \\p{N} of the byte-level splitter's pattern; its \\s has to be the white space of the others."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    joins = lambda text: len(split(text)) == 1
    letters = {c for c in CODE_POINTS if joins(f'a{chr(c)}a')}
    numbers = {c for c in CODE_POINTS if joins(f'1{chr(c)}1')}
    others = {c for c in CODE_POINTS if joins(f'!{chr(c)}!')}
    rest = set(CODE_POINTS) - letters - numbers - others
    assert rest == spaces and len(letters) + len(numbers) + len(others) + len(rest) == len(CODE_POINTS)
    return letters, numbers


def combining_classes(decompose, characters):
    """Canonical combining classes, as far as they show: two marks of falling class change places."""
    swaps = lambda a, b: a != b and decompose(a + b) == b + a
    highest, lowest = '\u0345', '\u0334'  # classes 240 and 1
    assert swaps(highest, lowest)
    one_of = {}
    for c in characters:
        k = unicodedata.combining(c)
        if k and k not in one_of and (swaps(highest, c) or swaps(c, lowest)):
            one_of[k] = c
    classes = {}
    for c in characters:
        if not (swaps(highest, c) or swaps(c, lowest)):
            continue  # class 0 stops the sorting on both sides
        same = [k for k, r in one_of.items() if not swaps(r, c) and not swaps(c, r)]
        assert len(same) == 1, (hex(ord(c)), same)
        classes[ord(c)] = same[0]
    return classes


def facts():
    clean, chinese, strip = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
    lower = normalizers.Lowercase().normalize_str
    decompose = normalizers.NFD().normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    words = word_characters()
    letters, numbers = byte_level_classes({c for c in CODE_POINTS if len(split(f'a{chr(c)}b')) == 2})
    classes = combining_classes(decompose, [chr(c) for c in CODE_POINTS if c >= 0x300])
    records, decompositions = {}, {}
    for c in CODE_POINTS:
        x = chr(c)
        parts = [p for p, _ in split('a' + x + 'b')]
        assert parts in (['a', 'b'], ['a', x, 'b'], ['a' + x + 'b'])
        d = decompose(x)
        if d != x and c not in HANGUL:
            decompositions[c] = [ord(y) for y in d]
        small = lower(x)
        assert len(small) == 1 or (c == 0x130 and small == 'i\u0307'), hex(c)  # unicode.h states the exception
        truth = (clean('a' + x + 'b') == 'ab', parts == ['a', 'b'], len(parts) == 3, strip(x) == '', c in words,
                 c in decompositions, chinese(x) == f' {x} ', c in letters, c in numbers)
        assert truth[0] or (clean('a' + x + 'b') == 'a b') == truth[1], hex(c)
        records[c] = (sum(1 << i for i, t in enumerate(truth) if t), classes.get(c, 0), ord(small[0]) - c)
    return records, decompositions


def two_stages(values):
    blocks, first = {}, []
    for i in range(0, 0x110000, BLOCK):
        first.append(blocks.setdefault(tuple(values[i:i + BLOCK]), len(blocks)))
    assert len(blocks) <= 256
    return first, [v for b in blocks for v in b]


def array(kind, name, values, width=1):
    rows, line = [], ' '
    for v in values:
        if len(line) + len(str(v)) + 2 > 120:
            rows.append(line)
            line = ' '
        line += f' {v},'
    rows.append(line)
    return f'const {kind} {name}[{len(values)}] = {{\n' + '\n'.join(rows) + '\n};\n', len(values) * width


def main():
    records, decompositions = facts()
    kinds = sorted(set(records.values()), key=lambda r: (r != (0, 0, 0), r))
    assert len(kinds) <= 256
    number = {r: i for i, r in enumerate(kinds)}
    class_first, class_second = two_stages([number[records.get(c, (0, 0, 0))] for c in range(0x110000)])
    pool, where = [], {}
    for c, d in decompositions.items():
        assert 1 <= len(d) <= 4 and len(pool) < 1 << 14
        where[c] = len(pool) << 2 | len(d) - 1
        pool += d
    parts_first, parts_second = two_stages([where.get(c, 0) for c in range(0x110000)])
    tables = [array('uint8_t', 'unicode_class_first', class_first),
              array('uint8_t', 'unicode_class_second', class_second),
              array('UnicodeClass', 'unicode_classes', ['{%d, %d, %d}' % r for r in kinds], 8),
              array('uint8_t', 'unicode_parts_first', parts_first),
              array('uint16_t', 'unicode_parts_second', parts_second, 2),
              array('uint32_t', 'unicode_parts', pool, 4)]
    size = sum(n for _, n in tables)
    print(f'''/* unicode_tables.c -- what the reference tokenizer believes about every code point.
** Layer: text. Uses: nothing.
**
** Written by tests/tools/unicode_tables.py from tokenizers {version('tokenizers')}; not edited by hand.
** {size} bytes: {len(kinds)} classes, {len(decompositions)} decompositions. How they are read: unicode.h. */
#include "text/unicode.h"
''')
    print('\n'.join(t for t, _ in tables), end='')


main()
