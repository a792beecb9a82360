"""run.py -- runs the .test files of this folder, connections.py, files.py, indexes.py, index_changes.py, index_stress.py and trainings.py, against a bert.so.

    /usr/bin/python3 tests/sql/run.py [BERT.SO [MODELS [WORD ...]]]    default: ./bert.so, tests/golden/models, all

A .test file is SQL, each statement followed by what it gives, and a blank line:

    # vector.test -- what is claimed.
    .model m sbert-mean {"threads":1}         SELECT bert_load('m', 'MODELS/sbert-mean', '…'); options may be left out
    .connection 2                             goes on in another connection (in memory, bert loaded); it begins in 1
    .env BERT_MODEL sbert-mean                the model's directory in the environment, until the file's end; - removes it

    SELECT bert_cosine('[1, 0]', '[1, 1]'), NULL, 'text', x'00ff', 0.5;
    ~0.7071|NULL|text|x'00ff'|0.5             a row; ~ is a number to 4 decimals
    SELECT bert_cosine('[1]', 2);
    error: bert_cosine: w is the INTEGER 2…   … stands for any text, in rows too; rows before an error are not compared

With no lines there are no rows.

$MODELS and $BERT stand for the two paths. Standard library only. Each statement is a test; a failure prints file:line, the
statement, what was wanted and found. Ends with "N passed, N failed". """
import glob
import os
import re
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import connections  # noqa: E402
import files  # noqa: E402
import index_changes  # noqa: E402
import index_stress  # noqa: E402
import indexes  # noqa: E402
import trainings  # noqa: E402


class Host:
    """Where bert.so and the models are, and how to connect."""

    def __init__(self, so, models):
        self.so, self.models = os.path.splitext(os.path.abspath(so))[0], os.path.abspath(models)

    def connect(self, file=':memory:'):
        db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        db.enable_load_extension(True)
        db.load_extension(self.so)
        return db

    def model(self, name):
        return os.path.join(self.models, name)

    def load(self, db, name, model, options=None):
        return db.execute('SELECT bert_load(?, ?, ?)', (name, self.model(model), options)).fetchone()[0]


# ---- one statement -----------------------------------------------------------------------------------------------------

def shown(value):
    if value is None:
        return 'NULL'
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return str(value).replace('\n', '\\n')


def matches(found, wanted):
    if wanted.startswith('~'):
        try:
            return abs(float(found) - float(wanted[1:])) <= 0.00005001
        except ValueError:
            return False
    return re.fullmatch('.*'.join(map(re.escape, wanted.split('…'))), found, re.S) is not None


def row_matches(row, wanted):
    if '~' not in wanted:
        return matches('|'.join(map(shown, row)), wanted)
    cells = wanted.split('|')
    return len(cells) == len(row) and all(matches(shown(f), w) for f, w in zip(row, cells))


def run(db, sql):
    """The rows, and the error's text or None."""
    rows = []
    try:
        for row in db.execute(sql):
            rows.append(row)
        return rows, None
    except (sqlite3.Error, sqlite3.Warning) as e:
        return rows, str(e)


def judge(db, sql, wanted):
    """None, or what was found instead."""
    rows, error = run(db, sql)
    found = ['|'.join(map(shown, row)) for row in rows] + ([f'error: {error}'] if error is not None else [])
    if wanted and wanted[-1].startswith('error: '):
        good = error is not None and matches(found[-1], wanted[-1])
    else:
        good = error is None and len(rows) == len(wanted) and all(map(row_matches, rows, wanted))
    return None if good else found


# ---- a file --------------------------------------------------------------------------------------------------------------

def statements(path):
    """(line, text, wanted lines) of each directive and statement."""
    with open(path, encoding='utf-8') as f:
        lines = f.read().split('\n')
    at = 0
    while at < len(lines):
        line, begin = lines[at], at + 1
        at += 1
        if not line.strip() or line.startswith('#'):
            continue
        wanted = []
        if not line.startswith('.'):
            while not sqlite3.complete_statement(line) and at < len(lines):
                line += '\n' + lines[at]
                at += 1
            while at < len(lines) and lines[at].strip():
                wanted.append(lines[at])
                at += 1
        yield begin, line, wanted


class File:
    def __init__(self, path, host):
        self.path, self.host, self.connections = path, host, {}
        self.passed = self.failed = 0
        self.number = '1'

    def db(self):
        if self.number not in self.connections:
            self.connections[self.number] = self.host.connect()
        return self.connections[self.number]

    def fill_in(self, text):
        return text.replace('$MODELS', self.host.models).replace('$BERT', self.host.so)

    def direct(self, line):
        word, *rest = line.split(None, 3)
        if word == '.model':
            self.host.load(self.db(), *rest)
        elif word == '.connection':
            self.number = rest[0]
        elif word == '.env' and rest[1] == '-':
            os.environ.pop(rest[0], None)
        elif word == '.env':
            os.environ[rest[0]] = self.host.model(rest[1])
        else:
            raise SystemExit(f'{self.path}: {line}: no such directive')

    def run(self):
        before = dict(os.environ)
        for line, text, wanted in statements(self.path):
            if text.startswith('.'):
                self.direct(text)
                continue
            found = judge(self.db(), self.fill_in(text), [self.fill_in(w) for w in wanted])
            if found is None:
                self.passed += 1
                continue
            self.failed += 1
            print(f'{os.path.relpath(self.path)}:{line}: {text}')
            for what, lines in (('wanted', wanted), ('found', found)):
                for each in lines or ['no rows']:
                    print(f'  {what:6} {each[:600]}')
        for db in self.connections.values():
            db.close()
        os.environ.clear()
        os.environ.update(before)
        return self.passed, self.failed


def run_module(module, host, words):
    passed = failed = 0
    for name, test in module.TESTS:
        if words and not any(w in f'{module.__name__}.{name}' for w in words):
            continue
        wrong = connections.outcome(test, host)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        if wrong:
            print(f'tests/sql/{module.__name__}.py:{test.__code__.co_firstlineno}: {name}: {wrong}')
    return passed, failed


def main(so='bert.so', models=os.path.join(HERE, '..', 'golden', 'models'), *words):
    os.environ.pop('BERT_MODEL', None)
    host = Host(so, models)
    counts = [File(path, host).run() for path in sorted(glob.glob(os.path.join(HERE, '*.test')))
              if not words or any(w in os.path.basename(path) for w in words)]
    counts += [run_module(module, host, words) for module in (connections, files, indexes, index_changes, index_stress, trainings)]
    passed, failed = map(sum, zip(*counts))
    print(f'SQLite {sqlite3.sqlite_version}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
