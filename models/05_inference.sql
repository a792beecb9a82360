-- 05_inference.sql -- whether one text follows from another: five layers that learn from six, and from the labels.
--
-- The student is the teacher's layers 3, 4 and 5, narrowed, over the embeddings and the two lowest layers of
-- 02_vectors.sql, which stay as they are. The teacher judges pairs without a label, too.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/inside/inference-teacher');
SELECT bert_load('cut', 'build/inside/cut-inference');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT a, b, label FROM corpus.inference ORDER BY id', '{
  "from": "cut", "model": "inference", "teacher": "teacher", "freeze": 2, "epochs": 3, "batch_size": 32,
  "learning_rate": 3e-4, "max_tokens": 128, "labels": ["entailment", "neutral", "contradiction"], "seed": 8,
  "checkpoint": "build/inside/checkpoint-inference"}');
SELECT bert_save('inference', 'build/inside/inference');
