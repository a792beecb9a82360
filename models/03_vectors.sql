-- 03_vectors.sql -- the model of bert_embed: a student whose vectors lie where its teacher's lie.
--
-- 02_vectors_first.sql's layers go on over the word table of 01_questions.sql, which stays as it is, with texts that they
-- have not seen, most of them long ones.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/models/all-MiniLM-L6-v2', '{"compute":"int8"}');
SELECT bert_load('student', 'build/inside/cut-vectors');
SELECT max(step) AS steps, round(avg(loss), 6) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('embed', 'SELECT text FROM corpus.vectors
                             WHERE id > 240000 AND (length(text) >= 150 OR id % 4 = 0) ORDER BY id', '{
  "from": "student", "model": "vectors", "teacher": "teacher", "freeze": "embeddings", "epochs": 1, "batch_size": 32,
  "learning_rate": 5e-4, "warmup": 0.05, "max_tokens": 256, "seed": 8, "checkpoint": "build/inside/checkpoint-vectors",
  "checkpoint_steps": 200}');
SELECT bert_save('vectors', 'build/inside/vectors');
