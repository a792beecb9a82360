"""trainings.py -- training that is stopped, killed, starved, or given what it cannot take. See run.py.

Each function takes the Host and fails by an assertion or an exception. """
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

from connections import connected, equal, error_of, interrupted, one, tests_of
from files import small_disk

ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT 'the river is old ' || i, i % 2 FROM n"


def trained(db, steps=None, **options):
    """Trains to the end, or reads that many rows; the model's hash, if it is there."""
    options = dict({'from': 'm', 'model': 'mine', 'epochs': 4, 'batch_size': 5, 'accumulate': 2, 'learning_rate': 1e-3}, **options)
    scan = db.execute('SELECT step FROM bert_finetune(?, ?, ?)', ('classify', ROWS, json.dumps(options)))
    rows = [r[0] for r in (scan.fetchmany(steps) if steps else scan)]
    scan.close()
    found = db.execute("SELECT hash FROM bert_models WHERE name = 'mine'").fetchone()
    return rows, found and found[0]


def training_goes_on_from_its_checkpoint_to_the_same_bits(host):
    with tempfile.TemporaryDirectory() as folder:
        options = {'checkpoint': os.path.join(folder, 'c'), 'checkpoint_steps': 3}
        rows, whole = trained(connected(host))
        equal(rows, list(range(1, 17)))
        equal(trained(connected(host), 7, **options), (list(range(1, 8)), None)) # Python may have made the 8th, too
        equal(trained(connected(host), 1, **options), ([7], None))
        equal(trained(connected(host), **options), (list(range(7, 17)), whole))
        equal(trained(connected(host), **options), ([], whole))
        frozen = {'freeze': ['word_embeddings', 'query'], 'checkpoint': os.path.join(folder, 'f'), 'checkpoint_steps': 3}
        trained(connected(host), 7, **frozen)
        whole_frozen = trained(connected(host), freeze=frozen['freeze'])[1]
        assert whole_frozen != whole
        equal(trained(connected(host), **frozen), (list(range(7, 17)), whole_frozen))
        assert os.path.getsize(os.path.join(folder, 'f', 'training.checkpoint')) < os.path.getsize(
            os.path.join(folder, 'c', 'training.checkpoint'))
        error = error_of(connected(host), 'SELECT * FROM bert_finetune(?, ?, ?)', 'classify', ROWS,
                         json.dumps({'from': 'm', 'model': 'mine', 'epochs': 1, **options}))
        assert error and 'is of another run' in error, error
        path = os.path.join(folder, 'c', 'training.checkpoint')
        with open(path, 'r+b') as f:
            f.seek(1000)
            f.write(b'damaged')
        db = connected(host)
        try:
            trained(db, **options)
            raise AssertionError('a damaged checkpoint was taken')
        except sqlite3.Error as e:
            assert 'another checksum' in str(e), str(e)


def pretraining_goes_on_in_the_phase_where_it_stopped(host):
    """Stopped among its short sequences, then among its long ones: the weights of a run in one go."""
    def grown(steps=None, **options):
        db = connected(host, '../heads/bert-pretraining')
        options = dict({'from': 'm', 'model': 'mine', 'steps': 10, 'batch_size': 3, 'max_tokens': 24, 'short_tokens': 9, 'short_share': 0.6,
                        'learning_rate': 1e-3, 'warmup': 0, 'dupe_factor': 1}, **options)
        documents = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8) SELECT 'the river is old. a train leaves. ' || i FROM n"
        scan = db.execute('SELECT step FROM bert_pretrain(?, ?)', (documents, json.dumps(options)))
        rows = [r[0] for r in (scan.fetchmany(steps) if steps else scan)]
        scan.close()
        return rows, db.execute("SELECT max(hash) FROM bert_models WHERE name = 'mine'").fetchone()[0]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = {'checkpoint': os.path.join(folder, 'c'), 'checkpoint_steps': 4}
        whole = grown()
        equal(whole[0], list(range(1, 11)))
        equal(grown(5, **checkpoint)[0], [1, 2, 3, 4, 5])
        equal(grown(4, **checkpoint)[0], [5, 6, 7, 8])
        equal(grown(**checkpoint), ([9, 10], whole[1]))
        assert grown(short_tokens=10)[1] != whole[1]
        for other in ({'short_tokens': 10}, {'short_share': 0.5}, {'short_share': 0}):
            try:
                grown(**{**checkpoint, **other})
                raise AssertionError(f'{other} went on from another run')
            except sqlite3.Error as e:
                assert 'is of another run' in str(e), str(e)


def killed_training_ends_as_if_it_had_not_been(host):
    """Killed after a few steps, wherever it is by then; started anew, the model is that of a run in one go."""
    with tempfile.TemporaryDirectory() as folder:
        options = {'checkpoint': os.path.join(folder, 'c'), 'checkpoint_steps': 1, 'epochs': 40}
        whole = trained(connected(host), epochs=40)[1]
        code = ('import sys; sys.path.insert(0, %r); import run, trainings as c; h = run.Host(%r, %r); '
                'c.trained(c.connected(h), **%r)' % (os.path.dirname(os.path.abspath(__file__)), host.so + '.so', host.models, options))
        child = subprocess.Popen([sys.executable, '-c', code])
        path, deadline = os.path.join(folder, 'c', 'training.checkpoint'), time.time() + 60
        while not os.path.exists(path) and time.time() < deadline and child.poll() is None:
            time.sleep(0.01)
        time.sleep(0.05)
        child.kill()
        child.wait()
        rows, hash_after = trained(connected(host), **options)
        assert len(rows) < 160, 'nothing was kept'
        equal(hash_after, whole)


def an_interrupt_stops_training_between_the_parts_of_a_step(host):
    db = connected(host, 'bert-512')
    sql = "SELECT count(*) FROM bert_finetune('classify', ?, '{\"from\":\"m\",\"model\":\"x\",\"epochs\":1000}')"
    equal(interrupted(db, sql, ROWS), 'interrupted')
    equal(one(db, "SELECT count(*) FROM bert_models WHERE name = 'x'"), 0)


def training_lets_go_of_the_rows_it_reads(host):
    """While steps are made the rows may be written."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'a.db')
        db = host.connect(path)
        host.load(db, 'm', 'sbert-mean')
        db.execute('CREATE TABLE t(body, label)')
        db.execute('INSERT INTO t ' + ROWS)
        scan = db.execute("SELECT step FROM bert_finetune('classify', 'SELECT body, label FROM t', '{\"from\":\"m\",\"model\":\"x\"}')")
        equal(scan.fetchone(), (1,))
        db.execute("DELETE FROM t WHERE rowid % 2")
        equal(len(scan.fetchall()), 5)


def finetune(db, rows=ROWS, **options):
    """The error of a run."""
    options = dict({'from': 'm', 'model': 'mine', 'epochs': 4, 'batch_size': 5, 'accumulate': 2, 'learning_rate': 1e-3}, **options)
    return error_of(db, 'SELECT * FROM bert_finetune(?, ?, ?)', 'classify', rows, json.dumps(options))


def a_run_is_what_it_does_and_not_how_that_is_written(host):
    """Options in another order, with other spaces, with defaults written out: the same run, which a checkpoint ends."""
    with tempfile.TemporaryDirectory() as folder:
        db, checkpoint = connected(host), os.path.join(folder, 'c')
        call = 'SELECT count(*) FROM bert_finetune(?, ?, ?)'
        equal(one(db, call, 'classify', ROWS, json.dumps({'from': 'm', 'model': 'a', 'epochs': 2, 'checkpoint': checkpoint})), 4)
        for same in ('{"checkpoint":%s,  "epochs":2.0, "from":"m", "model":"b", "seed":0, "dropout":null, "checkpoint_steps":7}',
                     '{"from":"m","model":"c","steps":4,"checkpoint":%s,"evaluate":"SELECT \'a\', 1","learning_rate":0.5e-4}'):
            equal(one(db, call, 'classify', ROWS, same % json.dumps(checkpoint)), 0)
        equal(len({h for h, in db.execute("SELECT hash FROM bert_models WHERE name IN ('a', 'b', 'c')")}), 1)
        for other in ({'seed': 1}, {'epochs': 3}, {'learning_rate': 1e-5}, {'max_tokens': 5}, {'labels': ['1', '0']}, {'freeze': 1},
                      {'schedule': 'constant'}, {'batch_size': 8, 'steps': 4}):
            options = {'from': 'm', 'model': 'a', 'epochs': 2, 'checkpoint': checkpoint, **other}
            error = error_of(db, call, 'classify', ROWS, json.dumps(options))
            assert error and 'is of another run' in error, (other, error)


def rows_that_judge_are_read_before_the_first_step(host):
    with tempfile.TemporaryDirectory() as folder:
        db = connected(host)
        for rows, wanted in (("SELECT 'a', 1 UNION ALL SELECT 'b', 7", "evaluate: row 2: column 2 is the INTEGER 7, wanted one of 0, 1"),
                             ("SELECT 'a', 1 UNION ALL SELECT 'b', NULL", 'evaluate: row 2: column 2 is NULL, wanted a label: TEXT or INTEGER'),
                             ("SELECT 'a' AS a, 1 UNION ALL SELECT NULL, 1", 'evaluate: row 2: a is NULL, wanted a TEXT that is not empty'),
                             ("SELECT 'a', 1 WHERE 0", 'evaluate: the SQL gives no rows, wanted at least one'),
                             ("SELECT 'a'", 'evaluate: the SQL gives 1 column, wanted text, label, or a, b, label…'),
                             ("SELECT 'a', 1 AS label, 2 AS x", 'evaluate: the SQL gives 1 numbers after the label, wanted the 0 that the model takes')):
            error = finetune(db, evaluate=rows, checkpoint=os.path.join(folder, 'c'), checkpoint_steps=1)
            assert error and error.startswith('bert_finetune: ' + wanted.rstrip('…')), error
            equal(os.listdir(os.path.join(folder, 'c')), [])
        cases = (('qa', "SELECT 'q', 'the river', 'river'", "SELECT 'q', 'a', 'a' UNION ALL SELECT 'q', NULL, 'a'", 'row 2: column 2 is NULL'),
                 ('tag', "SELECT 'a b', 'X O'", "SELECT 'a b', 'X O' UNION ALL SELECT 'a', 'Y'", 'row 2: found the tag "Y"'),
                 ('embed', "SELECT 'a', 'b'", "SELECT 'a', 'b', 0.5 UNION ALL SELECT 'a', 'b', NULL", 'row 2: column 3 is NULL'),
                 ('embed', "SELECT 'a', 'b'", "SELECT 'a', 'b'", 'the SQL gives 2 columns'),
                 ('rerank', "SELECT 'a', 'b', 1", "SELECT 'a', 'b', 1 UNION ALL SELECT 'a', 'b', 2", 'row 2: column 3 is the INTEGER 2'),
                 ('head', "SELECT x'0000803f', 1 UNION ALL SELECT x'0000003f', 2", "SELECT x'0000803f', 3", 'row 1: column 2 is the INTEGER 3'))
        for task, rows, judges, wanted in cases:
            host.load(db, 'pairs', '../heads/bert-nli')
            scan = 'SELECT step FROM bert_finetune(?, ?, ?)'
            error = error_of(db, scan, task, rows, json.dumps({'from': 'pairs', 'model': 'x', 'evaluate': judges}))
            assert error and error.startswith('bert_finetune: evaluate: ' + wanted), error


# What each option may not be; most may not be an array, an object, a text or less than 0.
OTHERWISE = {'epochs': (), 'steps': (1.5, 0), 'batch_size': (1.5, 0), 'accumulate': (0,), 'learning_rate': (), 'warmup': (), 'weight_decay': (2,),
             'beta1': (1,), 'beta2': (1,), 'epsilon': (0,), 'clip': (), 'dropout': (1,), 'attention_dropout': (1,), 'head_dropout': (1,),
             'short_share': (1.5,), 'short_tokens': (2, 1.5), 'scale': (0,), 'margin': (), 'temperature': (0,), 'alpha': (1.5,), 'seed': (1.5,), 'checkpoint_steps': (0, 1.5),
             'max_tokens': (2, 1.5), 'doc_stride': (1.5,), 'max_question': (0,), 'masked_lm_prob': (1.5,), 'max_predictions': (1.5,),
             'short_seq_prob': (1.5,), 'dupe_factor': (0,)}
TEXTS = ('checkpoint', 'schedule', 'loss', 'model', 'from', 'teacher', 'evaluate')
FLAGS = ('correct_bias', 'multi_label', 'regression', 'whole_word', 'nsp', 'progress')


def an_option_of_another_type_is_named(host):
    db = connected(host)
    cases = [(key, value) for key, more in OTHERWISE.items() for value in ('text', [1], {'a': 1}, True, -1, *more)]
    cases += [(key, value) for key in TEXTS for value in (1, 1.5, True, ['a'], {'a': 1})]
    cases += [(key, value) for key in FLAGS for value in ('true', 2, [True], {'a': 1})]
    cases += [('freeze', value) for value in (True, {'a': 1}, [1], 1.5, -1)]
    cases += [('labels', value) for value in ('a', 1, True, {'a': 1}, [], [1], ['a', 'a'], ['a', ''])]
    for key, value in cases:
        error = finetune(db, **{key: value})
        assert error and error.startswith(f'bert_finetune: options: {key}: found '), (key, value, error)
    for options in ('[]', '"model"', '7', '{"model":', '', 'model'):
        error = error_of(db, 'SELECT * FROM bert_finetune(?, ?, ?)', 'classify', ROWS, options)
        assert error and error.startswith('bert_finetune: options: '), (options, error)
    equal(one(db, 'SELECT count(*) FROM bert_models'), 1)


def a_full_disk_stops_training_and_leaves_the_last_checkpoint(host):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'c', 'training.checkpoint')
        options = {'checkpoint': os.path.join(folder, 'c'), 'checkpoint_steps': 1}
        whole = trained(connected(host))[1]
        with small_disk(20000):
            error = finetune(connected(host), **options)
        assert error and error.startswith(f'bert_finetune: {path}') and 'File too large' in error, error
        equal(os.listdir(os.path.join(folder, 'c')), [])
        trained(connected(host), 3, **options)
        with small_disk(20000):
            error = finetune(connected(host), **options)
        assert error and 'File too large' in error, error
        equal(os.listdir(os.path.join(folder, 'c')), ['training.checkpoint'])
        rows, after = trained(connected(host), **options)
        assert rows and len(rows) < 16, rows
        equal(after, whole)


def an_interrupt_at_any_step_leaves_what_there_was(host):
    """No model, a connection that goes on, and a checkpoint to go on from."""
    whole = trained(connected(host))[1]
    for step in (1, 2, 7, 15, 16):
        with tempfile.TemporaryDirectory() as folder:
            db, checkpoint = connected(host), os.path.join(folder, 'c')
            db.execute('CREATE TABLE log(step)')
            db.create_function('stop', 1, lambda at: db.interrupt() if at == step else None)
            options = json.dumps({'from': 'm', 'model': 'mine', 'epochs': 4, 'batch_size': 5, 'accumulate': 2, 'learning_rate': 1e-3,
                                  'checkpoint': checkpoint, 'checkpoint_steps': 1})
            error = error_of(db, 'INSERT INTO log SELECT step FROM bert_finetune(?, ?, ?) WHERE stop(step) IS NULL', 'classify', ROWS, options)
            equal((error, one(db, 'SELECT count(*) FROM log')), ('interrupted', 0))
            if step < 16: # with the last step the model is there
                equal(one(db, "SELECT count(*) FROM bert_models WHERE name = 'mine'"), 0)
            rows, after = trained(db, checkpoint=checkpoint, checkpoint_steps=3)
            equal((rows, after), (list(range(step + 1, 17)), whole))


def a_log_is_as_it_was_after_an_error(host):
    """Of a run that fails at some step: by itself, and within a transaction."""
    db = connected(host)
    db.execute('CREATE TABLE loose(step)')
    db.execute('CREATE TABLE log(step INTEGER PRIMARY KEY)')
    call = 'INSERT INTO %s SELECT step FROM bert_finetune(?, ?, ?)'
    run = ('classify', ROWS, json.dumps({'from': 'm', 'model': 'mine', 'learning_rate': 1e3, 'warmup': 0, 'epochs': 50}))
    for table, begun in (('loose', 0), ('log', 0), ('log', 1)):
        if begun:
            db.execute('BEGIN')
            db.execute('INSERT INTO log VALUES (0)')
        error = error_of(db, call % table, *run)
        assert error and 'the loss is no longer finite' in error and 'step 1:' not in error, error
        equal(one(db, f'SELECT count(*) FROM {table}'), begun)
    db.execute('COMMIT')
    equal((one(db, 'SELECT count(*) FROM log'), one(db, "SELECT count(*) FROM bert_models WHERE name = 'mine'")), (1, 0))


def rows_that_change_while_they_are_read(host):
    """A query whose functions write: training takes the rows that come, and what fails leaves nothing."""
    db = connected(host)
    db.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, body, label)')
    db.execute('INSERT INTO t(body, label) ' + ROWS.replace("''", "'"))
    db.execute("INSERT INTO t(body, label) SELECT body, label FROM bert_finetune('classify', 'SELECT body, label FROM t', "
               "'{\"from\":\"m\",\"model\":\"x\",\"steps\":3}') JOIN t ON t.id = step")
    equal(one(db, 'SELECT count(*) FROM t'), 43)

    def hurt(row):
        db.execute('DELETE FROM t WHERE id > ?', (row + 20,))
        return 'text'
    db.create_function('hurt', 1, hurt)
    equal(finetune(db, 'SELECT hurt(id), label FROM t'), None)
    equal(one(db, 'SELECT count(*) FROM t'), 21)
    equal(one(db, "SELECT count(*) FROM bert_models WHERE name = 'mine'"), 1)

    def fail(row):
        if row == 9:
            db.execute('DROP TABLE t') # which the query reads
        return 'text'
    db.create_function('hurt', 1, fail)
    error = finetune(db, 'SELECT hurt(id), label FROM t', model='none')
    assert error and error.startswith('bert_finetune: the SQL fails after 8 rows: user-defined function raised exception'), error
    equal(one(db, "SELECT count(*) FROM bert_models WHERE name = 'none'"), 0)
    equal(one(db, 'SELECT count(*) FROM t'), 21)


TESTS = tests_of(globals())
