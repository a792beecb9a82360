-- 05_inference_teacher.sql -- whether one text follows from another, with all six layers: the teacher of 05_inference.sql.
--
-- First every pair that has a label, most of which turn on single words; then those that people wrote for pictures (SNLI).
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('minilm', 'build/models/all-MiniLM-L6-v2');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT a, b, label FROM corpus.inference WHERE label IS NOT NULL ORDER BY id', '{
  "from": "minilm", "model": "first", "epochs": 3, "batch_size": 32, "learning_rate": 1e-4, "max_tokens": 128,
  "seed": 8, "labels": ["entailment", "neutral", "contradiction"], "checkpoint": "build/inside/checkpoint-inference-first"}');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('classify', 'SELECT a, b, label FROM corpus.inference WHERE source = ''snli'' ORDER BY id', '{
  "from": "first", "model": "inference", "epochs": 3, "batch_size": 32, "learning_rate": 7e-5, "max_tokens": 128,
  "seed": 8, "labels": ["entailment", "neutral", "contradiction"], "checkpoint": "build/inside/checkpoint-inference-teacher"}');
SELECT bert_save('inference', 'build/inside/inference-teacher');
