-- 01_questions.sql -- the model of bert_qa, whose word table and layers the others are made from.
--
-- all-MiniLM-L6-v2 (Apache-2.0), fine-tuned as a whole: all of it moves, the word table too. The recipes after this one leave
-- the table as it is, and what they make of the layers is kept as a difference to these ones.
--
--   sqlite3 build/inside/work.db < models/01_questions.sql         from the repository's root; see README.md here
--
-- Going on: what is there is not made again, and the training goes on at its checkpoint.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('minilm', 'build/models/all-MiniLM-L6-v2');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('qa', 'SELECT question, passage, answer, start FROM corpus.questions
                          WHERE source <> ''qamr'' OR id % 2 = 0 ORDER BY id', '{
  "from": "minilm", "model": "questions", "epochs": 2, "batch_size": 16, "learning_rate": 1e-4, "max_tokens": 256,
  "doc_stride": 128, "seed": 8, "checkpoint": "build/inside/checkpoint-questions"}');
SELECT bert_save('questions', 'build/inside/questions');
