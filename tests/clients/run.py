#!/usr/bin/env python3
"""run.py BERT.SO MODEL [NAME...] -- the claims of claims.sql in every client, then what whole processes must do.

A client is a program (client.py, client.js) or the sqlite3 shell; each runs in a process of its own, as two copies of
SQLite in one process would share the extension's table of routines. MODEL is the directory of all-MiniLM-L6-v2, for the
memory and time of real work (process.py, cores.py, long.py). NAMEs choose clients and process tests.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, "..", "golden", "models", "sbert-mean")
PROCESS_TESTS = [os.path.join(HERE, name) for name in ("process.py", "cores.py", "long.py")]


# ---- claims ----------------------------------------------------------------------------------------------------------

class Claim:
    """Steps, and for each what is expected: a list of rows, or the part of a message."""

    def __init__(self, name):
        self.name, self.steps, self.expected = name, [], []

    def add(self, step, expected):
        self.steps.append(step)
        self.expected.append(expected)


def read_claims(path):
    claims, script = [], []

    def end_script():
        sql = "\n".join(script).strip()
        script.clear()
        if sql:
            claims[-1].add(["run", sql], [])

    with open(path, encoding="utf-8") as f:
        for line in f.read().replace("{model}", TINY).split("\n"):
            if line.startswith("-- claim "):
                if claims:
                    end_script()
                claims.append(Claim(line[len("-- claim "):].strip()))
            elif not claims:
                continue
            elif line.startswith("--? "):
                end_script()
                claims[-1].add(["ask", line[4:]], [])
            elif line.startswith("--  "):
                claims[-1].steps[-1][1] += "\n" + line[4:]
            elif line.startswith("--= "):
                claims[-1].expected[-1].append(line[4:])
            elif line.startswith("--! "):
                claims[-1].expected[-1] = line[4:]
            elif line.startswith("-- reopen"):
                end_script()
                claims[-1].add(["reopen"], [])
            else:
                script.append(line)
    end_script()
    return claims


def complaints(claim, answers):
    """What of the answers is not as expected."""
    for step, expected, answer in zip(claim.steps, claim.expected, answers):
        if isinstance(expected, str):
            good = expected in answer.get("error", "")
        else:
            good = answer.get("rows") == expected
        if not good:
            yield f"{' '.join(step)}\n    found {answer}\n    wanted {expected!r}"


# ---- clients ---------------------------------------------------------------------------------------------------------

def program(*command):
    """A client that speaks the protocol of client.py."""
    def ask(sessions, environment):
        done = subprocess.run(command, input=json.dumps(sessions), capture_output=True, text=True, env=environment,
                              timeout=300)
        if done.returncode:
            raise RuntimeError(f"{command} exited {done.returncode}: {done.stderr.strip()}")
        told = json.loads(done.stdout)
        return told["version"], told["answers"]
    return ask


MARK = "@@ end of step"


def shell(path, so):
    """The sqlite3 shell: one process for each stretch between reopenings, a mark after each step."""
    def stretch(file, steps, environment):
        lines = [".load " + os.path.splitext(os.path.abspath(so))[0], ".nullvalue NULL", ".headers off", ".mode list"]
        for step in steps:
            # Errors go to standard error; so that they stay in place, the shell sends both to one pipe.
            lines += [step[1].rstrip(";") + ";", ".print " + MARK]
        done = subprocess.run([path, "-batch", file], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=environment, timeout=300)
        for step, part in zip(steps, done.stdout.split(MARK + "\n")):
            if re.search(r"^(Parse error|Runtime error|Error)\b", part, re.M):
                yield {"error": part}
            else:
                yield {"rows": part.splitlines() if step[0] == "ask" else []}

    def ask(sessions, environment):
        answers = []
        for session in sessions:
            given, steps = [], []
            for step in session["steps"] + [["reopen"]]:
                if step[0] == "reopen":
                    given += list(stretch(session["file"], steps, environment)) + [{"rows": []}]
                    steps = []
                else:
                    steps.append(step)
            answers.append(given)
        version = subprocess.run([path, "-version"], capture_output=True, text=True).stdout.split()[0]
        return version, answers
    return ask


def clients(so):
    node = os.path.abspath("build/node/node")
    return {
        "sqlite3-shell": shell(os.environ.get("SQLITE3", "sqlite3"), so),
        "sqlite3-3.38-shell": shell(os.path.abspath("build/sqlite-3.38/sqlite3"), so),
        "python-sqlite3": program(sys.executable, os.path.join(HERE, "client.py"), "sqlite3", so),
        "python-apsw": program(sys.executable, os.path.join(HERE, "client.py"), "apsw", so),
        "better-sqlite3": program(node, os.path.join(HERE, "client.js"), so),
    }


# ---- counting --------------------------------------------------------------------------------------------------------

class Count:
    passed = failed = 0

    def add(self, name, problem):
        if problem:
            self.failed += 1
            print(f"FAIL {name}: {problem}")
        else:
            self.passed += 1


def run_claims(count, name, ask, claims):
    environment = dict(os.environ, BERT_MODEL=TINY)
    with tempfile.TemporaryDirectory() as directory:
        sessions = [{"file": os.path.join(directory, c.name + ".db"), "steps": c.steps} for c in claims]
        try:
            version, answers = ask(sessions, environment)
        except Exception as e:
            count.add(name, e)
            return
    print(f"{name}: SQLite {version}, {len(claims)} claims")
    for claim, given in zip(claims, answers):
        count.add(f"{name} {claim.name}", "\n  ".join(complaints(claim, given)))


def run_process_tests(count, script, so, model, chosen):
    listed = subprocess.run([sys.executable, script, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if chosen and name not in chosen:
            continue
        try:
            done = subprocess.run([sys.executable, script, name, so, model, TINY], capture_output=True,
                                  text=True, timeout=300)
            print(done.stdout, end="")
            count.add(name, done.returncode and (done.stderr.strip() or f"exit status {done.returncode}"))
        except subprocess.TimeoutExpired:
            count.add(name, "no end after 300 s")


def main(so, model, *chosen):
    count = Count()
    claims = read_claims(os.path.join(HERE, "claims.sql"))
    for name, ask in clients(so).items():
        if not chosen or name in chosen:
            run_claims(count, name, ask, claims)
    for script in PROCESS_TESTS:
        run_process_tests(count, script, so, model, chosen)
    print(f"{count.passed} passed, {count.failed} failed")
    return count.failed != 0 or count.passed == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
