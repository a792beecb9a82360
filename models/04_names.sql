-- 04_names.sql -- names in a text: 01_questions.sql's layers, fine-tuned.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('base', 'build/inside/questions');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('tag', 'SELECT words, tags FROM corpus.names ORDER BY id', '{
  "from": "base", "model": "names", "freeze": "embeddings", "epochs": 6, "batch_size": 32, "learning_rate": 2e-4,
  "max_tokens": 128, "seed": 8, "checkpoint": "build/inside/checkpoint-names"}');
SELECT bert_save('names', 'build/inside/names');
