-- claims.sql -- what holds in every client. run.py has each client run it, each claim on a database file of its own.
--
--   -- claim NAME     begins one; plain lines are SQL that must succeed
--   --? QUERY         one statement, which goes on in lines that begin with --  and two spaces
--   --= ROW           a row of its answer: columns joined by '|', NULL as NULL
--   --! PART          the query above fails, and PART is in the message
--   -- reopen         closes the database and opens it again
--
-- bert.so is loaded and BERT_MODEL names a tiny model of 12 dimensions; {model} is its directory.

-- claim the_version_is_text
--? SELECT typeof(bert_version())
--= text

-- claim an_embedding_is_a_blob_of_float32_of_length_1
--? SELECT typeof(bert_embed('hello world')), length(bert_embed('hello world')) / 4
--= blob|12
--? SELECT printf('%.4f', bert_similarity('hello world', 'hello world'))
--= 1.0000

-- claim null_embeds_to_null
--? SELECT bert_embed(NULL)
--= NULL

-- claim many_rows_from_one_call_are_the_rows_one_by_one
CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO t(body) VALUES ('one'), (''), ('a longer text than the others, to be sorted elsewhere'), ('naïve café 東京'), ('two');
--? SELECT count(*), sum(e.embedding = bert_embed(t.body)) FROM t
--  JOIN bert_embed_each('SELECT id, body FROM t') AS e ON t.id = e.key
--= 5|5

-- claim keys_come_back_as_they_were
CREATE TABLE k(key, body TEXT);
INSERT INTO k VALUES (1, 'a'), (2.5, 'b'), ('three', 'c'), (x'04', 'd'), (NULL, 'e'), (9223372036854775807, 'f');
--? SELECT typeof(key), quote(key) FROM bert_embed_each('SELECT key, body FROM k') ORDER BY typeof(key), quote(key)
--= blob|X'04'
--= integer|1
--= integer|9223372036854775807
--= null|NULL
--= real|2.5
--= text|'three'

-- claim an_error_of_the_inner_query_is_passed_on
--? SELECT * FROM bert_embed_each('SELECT id, body FROM nowhere')
--! no such table: nowhere

-- claim a_model_that_is_not_there_is_named
--? SELECT bert_embed('x', 'nobody')
--! nobody

-- claim a_loaded_model_has_its_name
--? SELECT length(bert_load('tiny', '{model}')) > 0
--= 1
--? SELECT bert_embed('hello', 'tiny') = bert_embed('hello')
--= 1
--? SELECT count(*) FROM bert_models WHERE name = 'tiny'
--= 1
SELECT bert_unload('tiny');
--? SELECT bert_embed('hello', 'tiny')
--! tiny

-- claim a_stored_generated_column_follows_its_row
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, embedding BLOB GENERATED ALWAYS AS (bert_embed(body)) STORED);
INSERT INTO notes(body) VALUES ('first'), ('second'), (NULL), ('fourth');
UPDATE notes SET body = 'changed' WHERE id = 2;
DELETE FROM notes WHERE id = 4;
VACUUM;
--? SELECT id, embedding IS bert_embed(body) FROM notes
--= 1|1
--= 2|1
--= 3|1
--? PRAGMA integrity_check
--= ok
-- reopen
--? SELECT count(*) FROM notes WHERE embedding IS bert_embed(body)
--= 3
--? PRAGMA integrity_check
--= ok

-- claim a_virtual_generated_column_follows_its_row
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, embedding BLOB AS (bert_embed(body)) VIRTUAL);
INSERT INTO notes(body) VALUES ('first'), ('second'), (NULL);
UPDATE notes SET body = 'changed' WHERE id = 2;
VACUUM;
--? SELECT count(*) FROM notes WHERE embedding IS bert_embed(body)
--= 3
--? PRAGMA integrity_check
--= ok

-- claim an_index_on_an_expression_holds
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE INDEX by_meaning ON notes(bert_embed(body));
INSERT INTO notes(body) VALUES ('first'), ('second'), ('first'), (NULL);
UPDATE notes SET body = 'changed' WHERE id = 2;
DELETE FROM notes WHERE id = 1;
--? SELECT id FROM notes INDEXED BY by_meaning WHERE bert_embed(body) = bert_embed('changed')
--= 2
--? PRAGMA integrity_check
--= ok
VACUUM;
REINDEX;
-- reopen
--? SELECT id FROM notes INDEXED BY by_meaning WHERE bert_embed(body) = bert_embed('first')
--= 3
--? PRAGMA integrity_check
--= ok

-- claim an_index_over_a_generated_column_holds
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, embedding BLOB AS (bert_embed(body)) VIRTUAL);
INSERT INTO notes(body) VALUES ('first'), ('second');
CREATE UNIQUE INDEX meant_once ON notes(embedding);
--? INSERT INTO notes(body) VALUES ('second')
--! UNIQUE constraint failed
--? PRAGMA integrity_check
--= ok

-- claim a_partial_index_and_a_check_may_use_it
CREATE TABLE notes(body TEXT CHECK (length(bert_embed(body)) = 48));
CREATE INDEX long_ones ON notes(body) WHERE bert_token_count(body) > 4;
INSERT INTO notes VALUES ('x'), ('a text of more than four tokens');
--? SELECT body FROM notes INDEXED BY long_ones WHERE bert_token_count(body) > 4
--= a text of more than four tokens
--? PRAGMA integrity_check
--= ok

-- claim a_view_and_a_trigger_may_embed_where_the_schema_is_not_trusted
PRAGMA trusted_schema = OFF;
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE vectors(id INTEGER PRIMARY KEY, embedding BLOB);
CREATE TRIGGER embed_new AFTER INSERT ON notes BEGIN
  INSERT INTO vectors VALUES (new.id, bert_embed(new.body));
END;
CREATE TRIGGER embed_changed AFTER UPDATE OF body ON notes BEGIN
  UPDATE vectors SET embedding = bert_embed(new.body) WHERE id = new.id;
END;
CREATE VIEW likeness AS
  SELECT a.id AS a, b.id AS b, bert_cosine(a.embedding, b.embedding) AS score FROM vectors a, vectors b;
INSERT INTO notes(body) VALUES ('first'), ('second');
UPDATE notes SET body = 'first' WHERE id = 2;
--? SELECT a, b, printf('%.3f', score) FROM likeness WHERE a < b
--= 1|2|1.000

-- claim a_view_may_not_load_files_or_run_queries
CREATE VIEW hostile AS SELECT bert_load('x', '{model}');
--? SELECT * FROM hostile
--! unsafe use of bert_load
CREATE VIEW prying AS SELECT * FROM bert_embed_each('SELECT 1, 2');
--? SELECT * FROM prying
--! bert_embed_each

-- claim rollback_takes_vectors_back
CREATE TABLE notes(body TEXT, embedding BLOB AS (bert_embed(body)) STORED);
BEGIN;
INSERT INTO notes VALUES ('gone');
ROLLBACK;
INSERT INTO notes VALUES ('kept');
--? SELECT body, embedding = bert_embed('kept') FROM notes
--= kept|1

-- claim text_of_a_utf16_database_is_the_same_text
PRAGMA encoding = 'UTF-16';
CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO t(body) VALUES ('naïve café 東京 😀');
--? SELECT count(*) FROM t, bert_embed_each('SELECT 1, body FROM t') AS e
--  WHERE e.embedding = bert_embed(body) AND e.embedding = bert_embed('naïve café 東京 😀')
--= 1
--? SELECT replace(group_concat(token, ''), '##', '')
--  FROM (SELECT token FROM bert_tokens((SELECT 'hello' FROM t)) ORDER BY position)
--= [CLS]hello[SEP]

-- claim an_index_finds_by_meaning_and_keeps_its_rows
CREATE VIRTUAL TABLE x USING bert_index(body, category TEXT, lang PARTITION KEY, +url);
INSERT INTO x(rowid, body, category, lang, url) VALUES (1, 'the river', 'water', 'en', 'u1'), (2, 'a city', 'town', 'en', 'u2'),
  (3, 'train', NULL, 'de', 'u3'), (4, NULL, 'none', 'de', 'u4');
--? SELECT rowid, category, lang, url, distance < 1e-6 FROM x WHERE body MATCH 'the river' AND k = 1
--= 1|water|en|u1|1
--? SELECT count(*) FROM x WHERE body MATCH 'x' AND lang = 'en' AND category IN ('water', 'town') AND k = 10
--= 2
--? SELECT count(*) FROM (SELECT rowid FROM x WHERE body MATCH 'x' ORDER BY distance LIMIT 1 OFFSET 2)
--= 1
-- reopen
UPDATE x SET body = 'trains' WHERE rowid = 3;
DELETE FROM x WHERE rowid = 1;
--? SELECT rowid, category FROM x WHERE body MATCH 'trains' AND distance < 1e-6
--= 3|NULL
INSERT INTO x(x) VALUES ('rebuild'), ('optimize'), ('integrity-check');
--? SELECT rowid, body FROM x ORDER BY rowid DESC
--= 4|NULL
--= 3|trains
--= 2|a city

-- claim an_index_follows_its_content
CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, n INTEGER);
INSERT INTO notes(body, n) VALUES ('the river', 1), ('a city', 2);
CREATE VIRTUAL TABLE x USING bert_index(body, n INTEGER, content='notes', content_rowid='id');
INSERT INTO x(x) VALUES ('rebuild'), ('triggers');
INSERT INTO notes(id, body, n) VALUES (2, 'train', 3) ON CONFLICT (id) DO UPDATE SET body = excluded.body, n = excluded.n;
BEGIN;
DELETE FROM notes;
ROLLBACK;
--? SELECT x.rowid, notes.body, x.n FROM notes JOIN x ON x.rowid = notes.id WHERE x.body MATCH 'train' AND x.k = 2 ORDER BY distance LIMIT 1
--= 2|train|3
--? SELECT notes.id, x.rowid FROM notes, x WHERE x.body MATCH notes.body AND x.k = 1 ORDER BY notes.id
--= 1|1
--= 2|2
ALTER TABLE x RENAME TO y;
INSERT INTO notes(id, body) VALUES (7, 'seven');
INSERT INTO y(y) VALUES ('integrity-check');
--? SELECT rowid FROM y WHERE body MATCH 'seven' LIMIT 1
--= 7
DROP TABLE y;
INSERT INTO notes(id, body) VALUES (8, 'eight');
--? SELECT count(*) FROM sqlite_schema
--= 1

-- claim an_index_takes_vectors_of_ones_own
CREATE VIRTUAL TABLE v USING bert_index(e float[3]);
INSERT INTO v(rowid, e) VALUES (1, '[1, 0, 0]'), (2, '[0, 1, 0]'), (3, '[1, 1, 0]');
--? SELECT rowid, printf('%.4f', distance) FROM v WHERE e MATCH '[2, 0, 0]' AND rowid IN (2, 3)
--= 3|0.2929
--= 2|1.0000
--? SELECT key, rowid FROM bert_search_each('v', 'SELECT rowid, e FROM v', 1)
--= 1|1
--= 2|2
--= 3|3
--? SELECT rowid FROM v WHERE e MATCH '[1, 2]'
--! MATCH's right side has 2 numbers, wanted 3
