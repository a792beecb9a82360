"""Writes README's figures, between its marks <!-- bench -->, from what was measured.

    make bench > BENCH.txt
    python3 readme.py README.md BENCH.txt PEERS.txt

PEERS.txt holds the lines of a program that runs this extension and others on the same texts in one call, a line each:
`short|para NAME … rows/s … tokens/s … one at a time … rows/s … cosine min …`, and where they were measured `NAME … MB/s` of
tokenizing and `NAME fresh process to first vector … s`. Names in NAMES are shown, in this order; the rest is left out.
"""
import re
import sys

MARKS = '<!-- bench -->', '<!-- /bench -->'
NAMES = {'ours-f32': '**sqlite-bert f32**', 'ort': 'ONNX Runtime', 'ortopt': 'ONNX Runtime, optimised for BERT', 'ov': 'OpenVINO',
         'ct2': 'CTranslate2', 'ours-int8': '**sqlite-bert int8**', 'ort8': 'ONNX Runtime int8', 'ct28': 'CTranslate2 int8'}
ROW = re.compile(r'^(short|para)\s+(\S+)\s+([\d.]+) rows/s\s+(\d+) tokens/s\s+one at a time\s+([\d.]+) rows/s\s+cosine min ([\d.]+)')
GEMM = re.compile(r'^(\S+)\s+(gemm8?)\s+(.*?)\s+m\s+(\d+)\s+n\s+(\d+)\s+k\s+(\d+)\s+([\d.]+) G\S+\s+(\d+) % of peak')


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        text = f.read()
    name = re.search(r'^model name\s*: (.*)', text, re.M)
    wide = [title for flag, title in (('avx512f', 'AVX-512'), ('avx512_vnni', 'VNNI')) if f' {flag} ' in text]
    cores = len(re.findall(r'^processor', text, re.M))
    return f'{cores} cores of {name[1].strip() if name else "this machine"}' + (f' ({", ".join(wide)})' if wide else '')


def peers_table(lines):
    found = {}
    for line in lines:
        m = ROW.match(line)
        if m and m[2] in NAMES:
            found.setdefault(m[2], {})[m[1]] = (int(m[4]), float(m[5]), float(m[6]))
    yield '| | sentences, tokens/s | one at a time, rows/s | paragraphs, tokens/s | one at a time, rows/s | cosine to f32, minimum |'
    yield '|---|---|---|---|---|---|'
    for name, title in NAMES.items():
        if {'short', 'para'} <= found.get(name, {}).keys():
            short, para = found[name]['short'], found[name]['para']
            yield f'| {title} | {short[0]:,} | {short[1]:.0f} | {para[0]:,} | {para[1]:.0f} | {min(short[2], para[2]):.3f} |'


def sentences(lines):
    """What else the peers' lines say."""
    rates = {m[1]: float(m[2]) for m in (re.match(r'^(ours|hf)\s+([\d.]+) MB/s', line) for line in lines) if m}
    first = {m[1]: m[2] for m in (re.match(r'^(\S+)\s+fresh process to first vector ([\d.]+) s', line) for line in lines) if m}
    if {'ours-f32', 'ours-int8', 'ort'} <= first.keys():
        yield (f'First vector of a fresh process: {first["ours-f32"]} s in f32, {first["ours-int8"]} s in int8 '
               f'(ONNX Runtime {first["ort"]} s).')
    if {'ours', 'hf'} <= rates.keys():
        yield f'Tokenizing on one thread: {rates["ours"]:.0f} MB/s (Hugging Face tokenizers {rates["hf"]:.1f} MB/s).'


def kernels_table(lines):
    """The products of the best instruction set, which the file has last: a column a shape."""
    rates, shapes, peaks = {}, [], {}
    for line in lines:
        m = GEMM.match(line)
        peak = re.match(r'^(\S+)\s+peak\s+([\d.]+) GFLOP/s.*?([\d.]+) GOP/s', line)
        if peak:
            peaks[peak[1], 'gemm'], peaks[peak[1], 'gemm8'] = peak[2], peak[3]
        if m:
            shape = f'{m[3]} ({m[4]} × {m[5]} × {m[6]})'
            if shape not in shapes:
                shapes.append(shape)
            rates.setdefault((m[1], m[2]), {})[shape] = f'{float(m[7]):.0f} ({m[8]} %)'
    wanted = [s for s in shapes if all(s in r for r in rates.values())]
    if not rates:
        return
    best = list(rates)[-1][0]
    yield '| product, G operations/s of one core (share of the peak) | peak | ' + ' | '.join(wanted) + ' |'
    yield '|---' * (2 + len(wanted)) + '|'
    for (isa, operation), found in rates.items():
        kind = 'int8' if operation == 'gemm8' else 'f32'
        if isa == best:
            yield f'| {kind} | {peaks.get((isa, operation), "")} | ' + ' | '.join(found[s] for s in wanted) + ' |'


def block(bench, peers):
    lines = [f'all-MiniLM-L6-v2 on {processor()}, beside the peers in one run on two threads;',
             'sentences of 23 tokens, paragraphs of 158. The machine was shared; ratios carry over, figures do not.', '', *peers_table(peers), '', *sentences(peers)]
    lines += ['The int8 mode costs 0.02 points of Spearman on STS-B and 0.01 of nDCG@10 on Cranfield (`tests/bench/quality.py`).', '']
    lines += ['`make bench` measures the machine at hand: each kernel against its peak and OpenBLAS, the tokenizer, texts to vectors.', '']
    return lines + list(kernels_table(bench))


def main(readme, bench, peers):
    with open(bench, encoding='utf-8') as f:
        bench = f.read().split('\n')
    with open(peers, encoding='utf-8') as f:
        peers = f.read().split('\n')
    with open(readme, encoding='utf-8') as f:
        text = f.read()
    before, _, rest = text.partition(MARKS[0] + '\n')
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        sys.exit(f'{readme}: found no {MARKS[0]} … {MARKS[1]}')
    with open(readme, 'w', encoding='utf-8') as f:
        f.write(before + MARKS[0] + '\n' + '\n'.join(block(bench, peers)).rstrip() + '\n' + mark + after)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
