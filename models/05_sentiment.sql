-- 05_sentiment.sql -- sentiment of a text: 01_questions.sql's layers, of which the upper three are fine-tuned.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('base', 'build/inside/questions');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT text, label FROM corpus.sentiment ORDER BY id', '{
  "from": "base", "model": "sentiment", "freeze": 3, "epochs": 2, "batch_size": 32, "learning_rate": 7e-5,
  "max_tokens": 128, "labels": ["negative", "positive"], "seed": 8, "checkpoint": "build/inside/checkpoint-sentiment"}');
SELECT bert_save('sentiment', 'build/inside/sentiment');
