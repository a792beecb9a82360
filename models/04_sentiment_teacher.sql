-- 04_sentiment_teacher.sql -- sentiment of a text, with all six layers: the teacher of 04_sentiment.sql.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('minilm', 'build/models/all-MiniLM-L6-v2');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT text, label FROM corpus.sentiment ORDER BY id', '{
  "from": "minilm", "model": "sentiment", "epochs": 2, "batch_size": 32, "learning_rate": 7e-5, "max_tokens": 128,
  "seed": 8, "labels": ["negative", "positive"], "checkpoint": "build/inside/checkpoint-sentiment-teacher"}');
SELECT bert_save('sentiment', 'build/inside/sentiment-teacher');
