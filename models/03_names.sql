-- 03_names.sql -- names in a text: five layers that learn from six, and from the labels.
--
-- The student is the teacher's layers 3, 4 and 5, narrowed, over the embeddings and the two lowest layers of
-- 02_vectors.sql, which stay as they are. It reads sentences with names put in for others, and such as have no labels but the teacher's.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/inside/names-teacher');
SELECT bert_load('cut', 'build/inside/cut-names');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('tag', 'SELECT words, tags FROM corpus.names WHERE source <> ''plain'' OR id % 2 = 0 ORDER BY id', '{
  "from": "cut", "model": "names", "teacher": "teacher", "freeze": 2, "epochs": 3, "batch_size": 32,
  "learning_rate": 4e-4, "max_tokens": 128, "seed": 8, "checkpoint": "build/inside/checkpoint-names"}');
SELECT bert_save('names', 'build/inside/names');
