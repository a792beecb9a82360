-- demo.sql -- search by meaning over 400 paragraphs; `make demo` runs it. It needs bert.so alone, or, where that has no model
-- inside, all-MiniLM-L6-v2.
.bail on
.load ./bert
SELECT iif(EXISTS (SELECT 1 FROM bert_models WHERE name = 'bert-vectors'), 'the model is inside of the library',
           'loaded ' || bert_load('default', 'build/models/all-MiniLM-L6-v2'));

-- 1. The text: 400 paragraphs, each with its source.
.import --csv demo/corpus.csv passage

-- 2. A vector for each, many rows from one call.
.print
.print 'Embedding 400 paragraphs:'
CREATE TABLE passage_vector(id INTEGER PRIMARY KEY, embedding BLOB);
.timer on
INSERT INTO passage_vector
SELECT key, embedding FROM bert_embed_each('SELECT rowid, body FROM passage');
.timer off

-- 3. Questions in words that the answers do not use.
CREATE TABLE question(id INTEGER PRIMARY KEY, text TEXT);
INSERT INTO question(text) VALUES
  ('an oil-rich desert kingdom'),
  ('germs that make people go blind'),
  ('a man who could no longer form memories'),
  ('a nation ruled by its army'),
  ('trouble falling asleep'),
  ('a rock from space hits the earth');

.print
.print 'Embedding 6 questions and comparing each with every paragraph:'
.mode column
.width 39 5 100
.timer on
WITH asked AS MATERIALIZED (
  SELECT id, text, bert_embed(text) AS embedding FROM question
), scored AS (
  SELECT asked.id AS question, asked.text, v.id AS passage, bert_cosine(asked.embedding, v.embedding) AS score
  FROM asked, passage_vector AS v
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY question ORDER BY score DESC) AS rank FROM scored
)
SELECT iif(rank = 1, ranked.text, '') AS question, printf('%.3f', score) AS score,
       substr(body, 1, 100) AS "the nearest paragraphs begin"
FROM ranked JOIN passage ON passage.rowid = ranked.passage
WHERE rank <= 3
ORDER BY ranked.question, rank;
.timer off
