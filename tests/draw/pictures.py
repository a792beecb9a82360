"""pictures.py -- what the SVG functions draw, read back by an XML parser.

    build/venv/bin/python tests/draw/pictures.py BERT.SO [MODELS]

Every picture is XML without scripts or links, says its colours for light and dark, keeps labels of any bytes, has the same
bits on every instruction set and number of threads, and stays small. Ends with "N passed, N failed". Standard library only. """
import math
import os
import random
import re
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
SVG = '{http://www.w3.org/2000/svg}'
ALLOWED = {'svg', 'title', 'style', 'rect', 'g', 'path', 'circle', 'text'}


def connect(so, models, *names):
    db = sqlite3.connect(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    for name in names:
        db.execute('SELECT bert_load(?, ?)', (name, os.path.join(models, name)))
    return db


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def check_shape(svg):
    """The parsed picture, if it is one that any browser shows safely, in light and dark."""
    root = ET.fromstring(svg)
    for node in root.iter():
        assert node.tag.startswith(SVG) and node.tag[len(SVG):] in ALLOWED, node.tag
        for name, value in node.attrib.items():
            assert not name.startswith('on') and 'href' not in name and 'url(' not in value, (name, value)
            assert 'nan' not in value.lower() and 'inf' not in value.lower(), (name, value)
    style = root.find(SVG + 'style').text
    light, dark = (re.search(r'--paper:#\w+;--ink:#\w+;[^}]*--c6:#\w+', s) for s in style.split('@media(prefers-color-scheme:dark)'))
    assert light and dark and '@import' not in style
    assert root.get('viewBox') == f"0 0 {root.get('width')} {root.get('height')}"
    return root


def texts(root, tag='text'):
    return [''.join(node.itertext()) for node in root.iter(SVG + tag)]


# ---- attention -----------------------------------------------------------------------------------------------------------

def attention_names_every_token(so, models):
    db = connect(so, models, 'bert-uncased')
    text = 'the <old> & "river" \'s train'
    root = check_shape(one(db, "SELECT bert_attention_svg(?, NULL, 'bert-uncased')", text))
    tokens = [row[0] for row in db.execute("SELECT token FROM bert_tokens(?, NULL, 'bert-uncased')", (text,))]
    names = [t for t in texts(root) if t in tokens]
    assert len(names) == 2 * len(tokens), (names, tokens)


def attention_titles_tell_the_weights(so, models):
    db = connect(so, models, 'bert-uncased')
    root = check_shape(one(db, "SELECT bert_attention_svg('the old river', NULL, 'bert-uncased')"))
    told = [t for t in texts(root, 'title') if t.startswith('layer')]
    rows = db.execute("SELECT layer, head, from_token, to_token, max(weight) FROM bert_attention('the old river', NULL, "
                      "'bert-uncased') GROUP BY layer, head, from_position ORDER BY layer, head, from_position").fetchall()
    assert len(told) == len(rows)
    for title, (layer, head, source, target, weight) in zip(told, rows):
        wanted = f'layer {layer} head {head}: {source} → {target} '
        assert title.startswith(wanted), (title, wanted)
        assert abs(float(title[len(wanted):].split(',')[0]) - weight) < 0.0051, (title, weight)


def attention_of_a_long_text_is_bounded(so, models):
    db = connect(so, models, 'bert-512')
    svg = one(db, "SELECT bert_attention_svg(?, NULL, 'bert-512')", 'the old river ' * 1000)
    check_shape(svg)
    heads = one(db, 'SELECT sum(layers * heads) FROM bert_models')
    assert len(svg) < heads * 64 * (64 * 12 + 300) + 30000, len(svg)


# ---- maps ------------------------------------------------------------------------------------------------------------------

ODD = ['<b>&amp;</b>', '"\'', ']]>', '<!--', 'שלום', 'مرحبا', '東京', '\U0001F600', 'e\u0301', '\u202Eabc', '', ' ', 'x' * 1000]


def labels_come_back_whole(so, models):
    db = connect(so, models)
    db.execute('CREATE TABLE p(v, l)')
    db.executemany('INSERT INTO p VALUES (?, ?)', [(f'[{i}, {i * i % 7}]', label) for i, label in enumerate(ODD)])
    root = check_shape(one(db, 'SELECT bert_map_svg(v, l) FROM p'))
    titles = [''.join(t.itertext()) for t in root.iter(SVG + 'title')][1:]
    assert titles == ODD, titles
    svg = one(db, "SELECT bert_map_svg('[1, 2]', printf('%.*c', 1000000, 'x'))")
    assert list(check_shape(svg).iter(SVG + 'title'))[1].text == 'x' * 1000 + '…' and len(svg) < 8000


def what_xml_cannot_hold_is_replaced(so, models):
    db = connect(so, models)
    for raw in list(range(32)) + [0x7F, 0x80, 0xC0, 0xED, 0xFE, 0xFF]:
        svg = one(db, "SELECT bert_map_svg('[1, 2]', CAST(? AS TEXT))", b'a' + bytes([raw]) + b'b')
        title = list(check_shape(svg).iter(SVG + 'title'))[1].text
        assert title == ('a b' if raw in (9, 10, 13) else 'a\ufffdb'), (raw, title)


def points(root):
    found = []
    for node in root.iter():
        if node.tag == SVG + 'circle' and node.find(SVG + 'title') is not None:
            found.append((float(node.get('cx')), float(node.get('cy'))))
    return found


def a_map_keeps_distances(so, models):
    """Vectors of a plane in 20 dimensions: what is drawn is the plane itself, turned and mirrored at most."""
    random.seed(3)
    db = connect(so, models)
    base = [[random.gauss(0, 1) for _ in range(20)] for _ in range(2)]
    norm = math.sqrt(sum(x * x for x in base[0]))
    base[0] = [x / norm for x in base[0]]
    part = sum(x * y for x, y in zip(*base))
    base[1] = [y - part * x for x, y in zip(*base)]
    norm = math.sqrt(sum(x * x for x in base[1]))
    base[1] = [x / norm for x in base[1]]
    plane = [(random.uniform(-3, 3), random.uniform(-1, 1)) for _ in range(50)]
    db.execute('CREATE TABLE p(v)')
    db.executemany('INSERT INTO p VALUES (?)', [(str([a * x + b * y for x, y in zip(*base)]),) for a, b in plane])
    drawn = points(check_shape(one(db, "SELECT bert_map_svg(v, 'one label') FROM p")))
    assert len(drawn) == 50
    scale = math.dist(drawn[0], drawn[1]) / math.dist(plane[0], plane[1])
    for i in range(50):
        for j in range(i):
            assert abs(math.dist(drawn[i], drawn[j]) - scale * math.dist(plane[i], plane[j])) < 0.05, (i, j)


def many_labels_share_grey_and_names_are_written(so, models):
    db = connect(so, models)
    many = "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < ?) SELECT bert_map_svg(json_array(i % 17, i * i % 23), 'n' || (i % ?)) FROM s"
    groups = texts(check_shape(one(db, many, 99, 30)))
    assert '7 others' in groups and sum(t.startswith('n') for t in groups) == 23, groups
    assert sum(t.startswith('n') for t in texts(check_shape(one(db, many, 29, 30)))) > 24
    few = texts(check_shape(one(db, many, 99, 24)))
    assert sum(t.startswith('n') for t in few) == 24 and not any('others' in t for t in few)


# ---- plots -----------------------------------------------------------------------------------------------------------------

def a_plot_puts_points_where_they_belong(so, models):
    db = connect(so, models)
    values = [(1, 4), (2, -2), (3.5, 0.25), (10, 8)]
    db.execute('CREATE TABLE p(x, y)')
    db.executemany('INSERT INTO p VALUES (?, ?)', values)
    root = check_shape(one(db, 'SELECT bert_plot_svg(x, y) FROM p'))
    line = next(n for n in root.iter(SVG + 'path') if n.get('class') == 'l c0')
    drawn = [tuple(map(float, p.split())) for p in re.split('[ML]', line.get('d')) if p]
    assert len(drawn) == 4
    # Two points give the scales, the others must obey them.
    sx, sy = ((drawn[3][i] - drawn[0][i]) / (values[3][i] - values[0][i]) for i in (0, 1))
    assert sx > 0 > sy
    for (x, y), (px, py) in zip(values, drawn):
        assert abs(drawn[0][0] + (x - 1) * sx - px) < 0.02 and abs(drawn[0][1] + (y - 4) * sy - py) < 0.02
    ticks = texts(root)
    assert [t for t in ticks if t.startswith('-')] and '10' in ticks, ticks


def a_plot_of_many_points_keeps_its_extremes(so, models):
    db = connect(so, models)
    svg = one(db, 'WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 49999) '
                  'SELECT bert_plot_svg(i, CASE i WHEN 12345 THEN 50 WHEN 40001 THEN -50 ELSE i % 10 END) FROM s')
    root = check_shape(svg)
    line = next(n for n in root.iter(SVG + 'path') if n.get('class') == 'l c0')
    # The axis goes from -60 to 60 over 360 pixels from 20 on.
    heights = [float(p.split()[1]) for p in re.split('[ML]', line.get('d')) if p]
    assert len(heights) <= 4 * 641 and (min(heights), max(heights)) == (50, 350), (len(heights), min(heights), max(heights))
    assert len(svg) < 60000


def series_beyond_the_legend_are_told(so, models):
    db = connect(so, models)
    root = check_shape(one(db, 'WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 89) '
                               'SELECT bert_plot_svg(i / 30, i % 7, i % 30) FROM s'))
    assert '7 others' in texts(root)
    assert len({n.get('class', '') + n.get('stroke-dasharray', '') for n in root.iter(SVG + 'path') if 'l c' in n.get('class', '')}) == 24


# ---- same bits ---------------------------------------------------------------------------------------------------------------

PICTURES = """
SELECT bert_attention_svg('the old river', 'a train', 'bert-uncased')
  || (SELECT bert_map_svg(bert_embed(value, 'bert-uncased'), value) FROM json_each('["the", "old", "river", "a", "train"]'))
  || (WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 99) SELECT bert_plot_svg(i, 1.0 / (i + 1)) FROM s)"""


def pictures_are_the_same_on_every_machine(so, models):
    mine = one(connect(so, models, 'bert-uncased'), PICTURES)
    for isa, threads, locale in (('ref', 1, 'C'), ('avx2', 3, 'C'), ('', 2, 'de_DE.UTF-8')):
        env = dict(os.environ, BERT_THREADS=str(threads), LC_ALL=locale, **({'BERT_ISA': isa} if isa else {}))
        found = subprocess.run([sys.executable, __file__, '--draw', so, models], env=env, capture_output=True, text=True,
                               encoding='utf-8', check=True).stdout
        assert found == mine, (isa, threads)


TESTS = [attention_names_every_token, attention_titles_tell_the_weights, attention_of_a_long_text_is_bounded,
         labels_come_back_whole, what_xml_cannot_hold_is_replaced, a_map_keeps_distances,
         many_labels_share_grey_and_names_are_written, a_plot_puts_points_where_they_belong,
         a_plot_of_many_points_keeps_its_extremes, series_beyond_the_legend_are_told, pictures_are_the_same_on_every_machine]


def main(so, models=os.path.join(HERE, '..', 'golden', 'models')):
    failed = 0
    for test in TESTS:
        try:
            test(so, models)
        except Exception as e:
            failed += 1
            print(f'FAIL {test.__name__}: {type(e).__name__}: {str(e)[:600]}')
    print(f'{len(TESTS) - failed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    if sys.argv[1] == '--draw':
        import locale
        try:
            locale.setlocale(locale.LC_ALL, '')
        except locale.Error:
            pass  # not on this machine
        sys.stdout.reconfigure(encoding='utf-8')
        sys.stdout.write(one(connect(*sys.argv[2:4], 'bert-uncased'), PICTURES))
    else:
        sys.exit(main(*sys.argv[1:]))
