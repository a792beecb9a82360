-- 03_names.sql -- names in a text: four layers that learn from six, and from the labels.
--
-- The student is the teacher's layers 2, 4 and 5, narrowed, over the embeddings and the lowest layer of 02_vectors.sql,
-- which stay as they are.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/inside/names-teacher');
SELECT bert_load('cut', 'build/inside/cut-names');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('tag', 'SELECT words, tags FROM corpus.names ORDER BY id', '{
  "from": "cut", "model": "names", "teacher": "teacher", "freeze": 1, "epochs": 5, "batch_size": 32, "learning_rate": 4e-4, "max_tokens": 128,
  "seed": 8, "checkpoint": "build/inside/checkpoint-names"}');
SELECT bert_save('names', 'build/inside/names');
