-- 13_rerank.sql -- fetch by vectors, then let a cross-encoder read each candidate together with the query.
-- The reranker here is tiny and random, so its order means nothing: load one of yours.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%',
       bert_load('reranker', 'tests/golden/heads/bert-reranker') LIKE 'reranker@%';
--> 1|1

CREATE TABLE passage(id INTEGER PRIMARY KEY, body TEXT, embedding BLOB AS (bert_embed(body)) STORED);
INSERT INTO passage(body) VALUES ('The river rises in spring.'), ('Snow melts and fills the rivers.'), ('The train is late.'),
  ('Boats wait in the harbour.');

WITH candidate AS MATERIALIZED (
  SELECT id, body FROM passage ORDER BY bert_cosine(embedding, bert_embed('why does the water get high?')) DESC LIMIT 2)
SELECT id, body, round(score, 4) FROM (
  SELECT *, bert_rerank('why does the water get high?', body, 'reranker') AS score FROM candidate) ORDER BY score DESC;
--> 2|Snow melts and fills the rivers.|0.6693
--> 1|The river rises in spring.|0.6688

