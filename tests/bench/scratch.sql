-- scratch.sql -- a BERT of 4 layers of 256 out of nothing but text: its pieces, then both tasks of pre-training.
--
--    /usr/bin/python3 models/corpus.py DATA build/inside/corpus.db      (the text: DATA as in models/README.md)
--    sqlite3 build/scratch/work.db < tests/bench/scratch.sql            killed, the same command goes on
--    /usr/bin/python3 models/measure.py bert.so DATA words=build/scratch/model
--
-- 131 MB of text, 12,000 steps of 64 windows of 128 tokens. Beside the paper's recipe (Devlin et al. 2019, appendix A.2): a
-- rate of 1e-3 that rises over 500 steps, as the model is small and its steps are few; no dropout, as nearly all it reads it
-- reads for the first time. Prints a line each 50 steps.
--
-- What came of it, in two hours on two cores: on prose that it has not read, 41.5 % of masked pieces right, perplexity 38.5 (the
-- most frequent piece for each: 4.8 %, 662), 84.5 % of pairs of paragraphs told apart. Next sentence is learned by step 500;
-- the loss of masked pieces stays near 6 until step 3,500 and then falls within 2,000 steps to 4.2 and slowly to 3.0. Batches of
-- 16 windows at 7e-4 came no further on 8 M tokens; an initializer_range of 0.06 gained 0.03 in the first 500 steps.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
CREATE TABLE IF NOT EXISTS vocabulary(id INTEGER PRIMARY KEY, piece TEXT);
INSERT INTO vocabulary SELECT id, piece FROM bert_train_vocab('SELECT text FROM corpus.documents', '{"vocab_size":8192}')
WHERE NOT EXISTS (SELECT 1 FROM vocabulary);
SELECT step, round(mlm_loss, 3), round(mlm_accuracy, 3), round(nsp_loss, 3), round(nsp_accuracy, 3), round(tokens_per_second), round(eta)
FROM bert_pretrain('SELECT document, text FROM corpus.documents ORDER BY id', '{
  "vocabulary": "SELECT piece FROM vocabulary ORDER BY id",
  "config": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024,
             "max_position_embeddings": 512},
  "model": "scratch", "steps": 12000, "warmup": 500, "batch_size": 64, "learning_rate": 1e-3, "correct_bias": true,
  "dropout": 0, "attention_dropout": 0, "max_tokens": 128, "dupe_factor": 3, "seed": 1,
  "checkpoint": "build/scratch/checkpoint", "checkpoint_steps": 200}')
WHERE step % 50 = 0;
SELECT bert_save('scratch', 'build/scratch/model');
