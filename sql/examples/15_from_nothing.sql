-- 15_from_nothing.sql -- a model of one's own out of nothing but text: pieces, pre-training, fine-tuning, kept in the database.
.load ./bert
CREATE TABLE animal AS SELECT value ->> 0 AS name, value ->> 1 AS home, value ->> 2 AS food, value ->> 3 AS kind FROM json_each('[
  ["cow","barn","grass","tame"], ["horse","stable","hay","tame"], ["hen","coop","grain","tame"], ["dog","house","meat","tame"],
  ["bear","cave","fish","wild"], ["owl","tree","mice","wild"], ["frog","pond","flies","wild"], ["fox","den","birds","wild"]]');
CREATE TABLE document AS SELECT printf('the %s %s lives in the %s.%sthere it eats %s.', value, name, home, char(10), food) AS body
FROM animal, json_each('["old","young","brown","white","small","big","fat"]');

-- Its vocabulary, and a small BERT that learns which words are masked, and which sentence follows another.
CREATE TABLE vocabulary AS SELECT id, piece FROM bert_train_vocab('SELECT body FROM document', '{"vocab_size":200}');
CREATE TABLE learned AS SELECT step, mlm_loss FROM bert_pretrain('SELECT body FROM document', '{"model":"own", "seed":1,
  "vocabulary":"SELECT piece FROM vocabulary ORDER BY id", "config":{"hidden_size":48,"num_hidden_layers":2,"num_attention_heads":4,
  "intermediate_size":96,"max_position_embeddings":32}, "steps":300, "batch_size":32, "learning_rate":0.003, "warmup":0.1}');
SELECT bert_plot_svg(step, mlm_loss) LIKE '<svg%' FROM learned;  -- the curve: .once curve.svg
--> 1
SELECT token FROM bert_fill_mask('the old fox [MASK] in the den.', 'own') WHERE rank = 1;
--> lives
SELECT count(*) FROM bert_fill_mask('the old fox lives in the [MASK].', 'own') WHERE rank <= 8 AND token IN (SELECT home FROM animal);
--> 8

-- What it is good for: learn from all but the old ones which are wild, and be judged by the old ones.
CREATE VIEW labelled AS SELECT body, kind FROM document JOIN animal ON body LIKE '% ' || name || ' lives%';
SELECT max(step), min(loss) < 0.1 FROM bert_finetune('classify', 'SELECT * FROM labelled WHERE body NOT LIKE ''the old%''',
  '{"from":"own", "model":"wildness", "epochs":20, "batch_size":8, "learning_rate":3e-3, "seed":1}');
--> 120|1
SELECT value > 0.8 FROM bert_evaluate('classify', 'SELECT * FROM labelled WHERE body LIKE ''the old%''', '{"model":"wildness"}')
WHERE metric = 'accuracy';
--> 1

-- A model is a name of this connection until it is stored, and a store is a write like any other.
BEGIN;
SELECT bert_store('wildness') LIKE 'wildness@%';
--> 1
ROLLBACK;
SELECT count(*) FROM sqlite_schema WHERE name = 'bert_model_data';
--> 0
SELECT bert_store('wildness') LIKE 'wildness@%', bert_unload('wildness') IS NOT NULL;
--> 1|1
SELECT bert_classify('the old fox lives in the den.', NULL, 'wildness');  -- out of the file now, as in any later connection
--> wild
