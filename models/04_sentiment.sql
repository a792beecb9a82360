-- 04_sentiment.sql -- sentiment of a text: three layers that learn from six, and from the labels.
--
-- The student is the teacher's layers 3 and 5, narrowed, over the embeddings and the lowest layer of 02_vectors.sql,
-- which stay as they are.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/inside/sentiment-teacher');
SELECT bert_load('cut', 'build/inside/cut-sentiment');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT text, label FROM corpus.sentiment ORDER BY id', '{
  "from": "cut", "model": "sentiment", "teacher": "teacher", "freeze": 1, "epochs": 3, "batch_size": 32, "learning_rate": 2e-4,
  "max_tokens": 128, "labels": ["negative", "positive"], "seed": 8, "checkpoint": "build/inside/checkpoint-sentiment"}');
SELECT bert_save('sentiment', 'build/inside/sentiment');
