"""client.py sqlite3|apsw BERT.SO -- runs claims through Python: its own module (system SQLite) or apsw (the newest).

Standard input is a JSON list of {"file", "steps"}; a step is ["run", sql], ["ask", sql] or ["reopen"]. Standard
output is a JSON object: "version" of SQLite, and "answers", for each list of steps one {"rows"} or {"error"} a step.
"""
import json
import os
import sys


class Standard:
    def __init__(self, file, so):
        import sqlite3
        self.db = sqlite3.connect(file, isolation_level=None)
        self.db.enable_load_extension(True)
        self.db.load_extension(so)

    def run(self, sql):
        self.db.executescript(sql)

    def ask(self, sql):
        return self.db.execute(sql).fetchall()

    def close(self):
        self.db.close()


class Apsw:
    def __init__(self, file, so):
        import apsw
        self.db = apsw.Connection(file)
        self.db.enable_load_extension(True)
        self.db.load_extension(so)

    def run(self, sql):
        self.db.execute(sql).fetchall()

    def ask(self, sql):
        return self.db.execute(sql).fetchall()

    def close(self):
        self.db.close()


CLIENTS = {"sqlite3": Standard, "apsw": Apsw}


def text(value):
    return "NULL" if value is None else str(value)


def answer(client, step):
    try:
        if step[0] == "run":
            client.run(step[1])
            return {"rows": []}
        return {"rows": ["|".join(map(text, row)) for row in client.ask(step[1])]}
    except Exception as e:  # whatever the module raises is the answer
        return {"error": str(e)}


def main(kind, so):
    so = os.path.splitext(os.path.abspath(so))[0]
    answers = []
    for claim in json.load(sys.stdin):
        client = CLIENTS[kind](claim["file"], so)
        given = []
        for step in claim["steps"]:
            if step[0] == "reopen":
                client.close()
                client = CLIENTS[kind](claim["file"], so)
                given.append({"rows": []})
            else:
                given.append(answer(client, step))
        client.close()
        answers.append(given)
    client = CLIENTS[kind](":memory:", so)
    json.dump({"version": client.ask("SELECT sqlite_version()")[0][0], "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
