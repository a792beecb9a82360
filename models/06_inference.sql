-- 06_inference.sql -- whether one text follows from another: 01_questions.sql's layers, of which the upper three are
-- fine-tuned.
--
-- First every pair, most of which turn on single words; then those that people wrote for pictures (SNLI).
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('base', 'build/inside/questions');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT a, b, label FROM corpus.inference ORDER BY id', '{
  "from": "base", "model": "first", "freeze": 3, "epochs": 3, "batch_size": 32, "learning_rate": 1e-4,
  "max_tokens": 128, "labels": ["entailment", "neutral", "contradiction"], "seed": 8,
  "checkpoint": "build/inside/checkpoint-inference-first"}');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT a, b, label FROM corpus.inference WHERE source = ''snli'' ORDER BY id', '{
  "from": "first", "model": "inference", "freeze": 3, "epochs": 4, "batch_size": 32, "learning_rate": 7e-5,
  "max_tokens": 128, "labels": ["entailment", "neutral", "contradiction"], "seed": 8,
  "checkpoint": "build/inside/checkpoint-inference"}');
SELECT bert_save('inference', 'build/inside/inference');
