-- 07_words.sql -- a word that is missing, and whether one text follows another: pre-training's two tasks, on prose.
--
-- From the layers 2, 4 and 5 of all-MiniLM-L6-v2, narrowed, over the embeddings and the lowest layer of 02_vectors.sql,
-- which stay as they are; the word table is the decoder too.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('cut', 'build/inside/cut-words');
SELECT max(step) AS steps, round(avg(mlm_loss), 4) AS mlm_loss, round(avg(nsp_loss), 4) AS nsp_loss,
       round(max(seconds)) AS seconds
FROM bert_pretrain('SELECT document, text FROM corpus.documents WHERE document % 8 = 0 ORDER BY id', '{
  "from": "cut", "model": "words", "freeze": 1, "steps": 6000, "warmup": 300, "batch_size": 64,
  "learning_rate": 5e-4, "correct_bias": true, "max_tokens": 128, "dupe_factor": 1, "seed": 8,
  "checkpoint": "build/inside/checkpoint-words"}');
SELECT bert_save('words', 'build/inside/words');
