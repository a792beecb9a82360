-- 07_words.sql -- a word that is missing, and whether one text follows another: pre-training's two tasks, on prose.
--
-- From the layers 4 and 5 of all-MiniLM-L6-v2, narrowed, over the embeddings and the two lowest layers of 03_vectors.sql,
-- which stay as they are; the word table is the decoder too. An hour and a half on one core, as every word is learned anew.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('cut', 'build/inside/cut-words');
SELECT max(step) AS steps, round(avg(mlm_loss), 4) AS mlm_loss, round(avg(nsp_loss), 4) AS nsp_loss,
       round(max(seconds)) AS seconds
FROM bert_pretrain('SELECT document, text FROM corpus.documents ORDER BY id', '{
  "from": "cut", "model": "words", "freeze": 2, "steps": 6000, "warmup": 200, "batch_size": 32,
  "learning_rate": 1e-3, "correct_bias": true, "max_tokens": 128, "dupe_factor": 1, "seed": 8,
  "checkpoint": "build/inside/checkpoint-words", "checkpoint_steps": 200}');
SELECT bert_save('words', 'build/inside/words');
