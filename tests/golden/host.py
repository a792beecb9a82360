"""host.py -- a connection with the extension loaded; of the sqlite3 module that the system has."""
import os
import sqlite3


def connect(so, file=':memory:'):
    db = sqlite3.connect(file, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(os.path.splitext(os.path.abspath(so))[0])
    return db
