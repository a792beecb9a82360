-- 03_names_teacher.sql -- names in a text, with all six layers of all-MiniLM-L6-v2: the teacher of 03_names.sql.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('minilm', 'build/models/all-MiniLM-L6-v2');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('tag', 'SELECT words, tags FROM corpus.names WHERE source = ''wikiann'' ORDER BY id', '{
  "from": "minilm", "model": "names", "epochs": 6, "batch_size": 32, "learning_rate": 2e-4, "max_tokens": 128,
  "seed": 8, "checkpoint": "build/inside/checkpoint-names-teacher"}');
SELECT bert_save('names', 'build/inside/names-teacher');
