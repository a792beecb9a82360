"""examples.py -- runs sql/examples: each file by itself, in a fresh connection, as a user would at the repository's root.

    build/venv/bin/python tests/sql/examples.py BERT.SO [--fill] [WORD ...]

A statement's rows stand below it in comments, `--> a|b`, in the notation of run.py; a statement without any gives none. The
shell's own commands (.load) are left out. Files are at most 40 lines of 130 characters. --fill writes what was found below
statements that have no rows yet. Ends with "N passed, N failed". """
import glob
import os
import sqlite3
import sys

import run

ROOT = os.path.join(run.HERE, '..', '..')


def statements(text):
    """[lines of SQL, wanted rows] of each statement."""
    sql, found = [], []
    for line in text.split('\n'):
        if line.startswith('--> '):
            found[-1][1].append(line[4:])
        elif sql or (line.strip() and not line.startswith(('--', '.'))):
            sql.append(line)
            if sqlite3.complete_statement('\n'.join(sql)):
                found.append((sql, []))
                sql = []
    assert not sql, f'unfinished: {sql}'
    return found


def fill(text, sql, rows):
    block = '\n'.join(sql)
    return text.replace(block, '\n'.join([block] + ['--> ' + '|'.join(map(run.shown, row)) for row in rows]), 1)


def check(path, db, filling):
    """What is wrong with a file."""
    with open(path, encoding='utf-8') as f:
        text = new = f.read()
    wrong = [f'{len(text.splitlines())} lines, wanted at most 40'] if len(text.splitlines()) > 40 else []
    wrong += [f'a line of {len(line)} characters' for line in text.splitlines() if len(line) > 150]
    for sql, wanted in statements(text):
        if filling and not wanted:
            new = fill(new, sql, run.run(db, '\n'.join(sql))[0])
            continue
        found = run.judge(db, '\n'.join(sql), wanted)
        if found is not None:
            wrong.append('\n  '.join(['\n'.join(sql)] + [f'found {row[:300]}' for row in found or ['no rows']]))
    if new != text:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(new)
    return wrong


def main(so, *words):
    host = run.Host(so, os.path.join(ROOT, 'tests', 'golden', 'models'))
    os.environ.pop('BERT_MODEL', None)
    os.chdir(ROOT)
    filling, words = '--fill' in words, [w for w in words if w != '--fill']
    passed = failed = 0
    for path in sorted(glob.glob('sql/examples/*.sql')):
        if words and not any(w in path for w in words):
            continue
        db = host.connect()
        wrong = check(path, db, filling)
        db.close()
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for w in wrong:
            print(f'{path}: {w}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
