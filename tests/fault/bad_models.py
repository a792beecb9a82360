"""bad_models.py -- model files that are missing, cut, flipped, lying or of another kind: what does SQL say?

    python3 tests/fault/bad_models.py [BERT.SO [MODELS [WORD]]]     default: ./bert.so, tests/golden/models, every case

Each case of bad_model_cases.py copies a golden model, damages the copy and asks SQL to load and use it, in a process
that may take 5 seconds a case and 400 MB more than it began with. A crash, a hang, an endless appetite, a NaN or an
unreadable message fails it, and so does another outcome than the case wants. Standard library only. Ends with
"N passed, N failed".
"""
import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile

from bad_model_cases import GROUPS, PLAIN

HERE = os.path.dirname(os.path.abspath(__file__))
SANITIZED = 'asan' in os.environ.get('LD_PRELOAD', '')  # slower, and its shadow alone takes terabytes
SECONDS, MEGABYTES = 20 if SANITIZED else 5, 400
TEXT = 'The train to Genève leaves at 7:45.'
NOBODY = 65534


# ---- the process that asks ------------------------------------------------------------------------------------------


def memory_now():
    with open('/proc/self/statm') as f:
        return int(f.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')


def ask(so, base):
    """Reads a directory a line, writes its outcome a line. A case too long kills us by SIGALRM."""
    db = sqlite3.connect(':memory:')
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    outcome(db, base)  # whatever is made but once (threads) is there now
    if os.path.exists('/proc/self/statm') and not SANITIZED:
        limit = memory_now() + (MEGABYTES << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    for line in sys.stdin:
        signal.alarm(SECONDS)
        found = outcome(db, json.loads(line))
        signal.alarm(0)
        print(json.dumps(found), flush=True)


def outcome(db, directory):
    try:
        db.execute("SELECT bert_load('m', ?)", (directory,)).fetchall()
        found = {'vector': db.execute("SELECT bert_embed(?, 'm')", (TEXT,)).fetchone()[0].hex()}
    except sqlite3.Error as e:
        found = {'error': str(e)}
    except (MemoryError, UnicodeDecodeError) as e:
        found = {'broken': f'{type(e).__name__}: {e}'}
    else:
        found['errors'] = [error for error in (trial(db, sql) for sql in OTHERS) if error]
    with contextlib.suppress(sqlite3.Error):
        db.execute("SELECT bert_unload('m')").fetchall()
    return found


# What a model that loads is asked besides; each may fail, if in words.
OTHERS = (
    "SELECT bert_embed('', 'm')",
    "SELECT max(embedding) FROM bert_token_embeddings('the train', 'a letter', 'm')",
    "SELECT max(start), max(token) FROM bert_tokens('', 'the', 'm')",
    "SELECT max(start) FROM bert_chunks('the train', 9, 2, 'm')",
    "SELECT max(embedding) FROM bert_token_embeddings('', '', 'm')",
    "SELECT max(id) FROM bert_tokens('', NULL, 'm')",
    "SELECT bert_token_count('the train [MASK]', 'm')",
    "SELECT max(pooling), max(bytes) FROM bert_models",
)


def trial(db, sql):
    try:
        db.execute(sql).fetchall()
    except sqlite3.Error as e:
        return str(e)


class Asker:
    """Keeps an asking process, and starts another when a case has killed it."""

    def __init__(self, so, base):
        self.command, self.process = [sys.executable, os.path.abspath(__file__), '--ask', so, base], None

    def ask(self, directory):
        if not self.process or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps(directory) + '\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        code = self.process.wait()
        if code == -signal.SIGALRM:
            return {'broken': f'more than {SECONDS} seconds'}
        return {'broken': f'died of {signal.Signals(-code).name}' if code < 0 else f'exit {code}'}

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


# ---- judging --------------------------------------------------------------------------------------------------------


def readable(message):
    if len(message.encode()) > 700 or not message.strip() or any(ord(c) < 32 for c in message):
        return 'the message is no readable line'
    if 'out of memory' in message or 'not authorized' in message:
        return 'the message misses the point'
    return None


def judge(wanted, found, clean):
    if 'broken' in found:
        return 'it broke'
    if 'error' in found:
        return readable(found['error']) or wanted.wrong(found, clean)
    data = bytes.fromhex(found['vector'])
    numbers = struct.unpack(f'<{len(data) // 4}f', data)
    if not numbers or any(x - x != 0 for x in numbers):
        return 'numbers that are not finite'
    return next(filter(None, map(readable, found['errors'])), None) or wanted.wrong(found, clean)


def copy_model(base, directory):
    """A copy that anybody may read."""
    shutil.copytree(base, directory)
    for folder, _, files in os.walk(directory):
        for f in files:
            os.chmod(os.path.join(folder, f), 0o644)


def clear(directory):
    """Removes what a case left, forbidden directories included."""
    if os.path.isfile(directory):
        os.remove(directory)
    if os.path.isdir(directory):
        os.chmod(directory, 0o755)
        shutil.rmtree(directory)


def main(so='bert.so', root=os.path.join(HERE, '..', 'golden', 'models'), word=''):
    passed = failed = 0
    asker, clean = Asker(so, os.path.join(root, PLAIN)), {}
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        for group in GROUPS:
            before = failed, passed
            for name, base, damage, wanted in group(root):
                title = f'{group.__name__}: {name}'
                if word not in title:
                    continue
                directory = os.path.join(scratch, 'damaged')
                if base not in clean:
                    copy_model(os.path.join(root, base), directory)
                    clean[base] = asker.ask(directory)
                    clear(directory)
                copy_model(os.path.join(root, base), directory)
                damage(directory)
                found = asker.ask(directory)
                problem = judge(wanted, found, clean[base])
                if problem:
                    failed += 1
                    print(f'{title}: {problem}: {str(found)[:400]}', flush=True)
                else:
                    passed += 1
                clear(directory)
            print(f'{group.__name__}: {passed - before[1]} passed, {failed - before[0]} failed', flush=True)
    asker.close()
    print(f'{passed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    if sys.argv[1:2] == ['--ask']:
        sys.exit(ask(*sys.argv[2:]))
    sys.exit(main(*sys.argv[1:]))
