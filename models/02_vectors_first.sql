-- 02_vectors_first.sql -- a first student of vectors, with a word table of its own.
--
-- From all-MiniLM-L6-v2 (Apache-2.0), cut to the layers 0, 2 and 5 with 1,152 units within, and then trained on the
-- teacher's vectors of texts that it sees once.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;

SELECT bert_load('teacher', 'build/models/all-MiniLM-L6-v2', '{"compute":"int8"}');
CREATE TABLE IF NOT EXISTS taught(id INTEGER PRIMARY KEY, vector BLOB);
INSERT INTO taught
SELECT key, embedding
FROM bert_embed_each('SELECT id, text FROM corpus.vectors
                      WHERE id <= 240000 AND id > (SELECT coalesce(max(id), 0) FROM taught)', 'teacher');

SELECT bert_load('cut', 'build/inside/cut-vectors-first');
SELECT max(step) AS steps, round(avg(loss), 6) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('embed', 'SELECT text, vector FROM taught JOIN corpus.vectors USING (id) ORDER BY id', '{
  "from": "cut", "model": "first", "epochs": 1, "batch_size": 64, "learning_rate": 5e-4, "warmup": 0.05,
  "max_tokens": 256, "seed": 8, "checkpoint": "build/inside/checkpoint-vectors-first", "checkpoint_steps": 200}');
SELECT bert_save('first', 'build/inside/vectors-first');
