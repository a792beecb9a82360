-- 06_questions_teacher.sql -- an answer out of a passage, with all six layers: the teacher of 06_questions.sql.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('minilm', 'build/models/all-MiniLM-L6-v2');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('qa', 'SELECT question, passage, answer, start FROM corpus.questions
                          WHERE source <> ''qamr'' OR id % 2 = 0 ORDER BY id', '{
  "from": "minilm", "model": "questions", "epochs": 2, "batch_size": 16, "learning_rate": 1e-4, "max_tokens": 256,
  "doc_stride": 128, "seed": 8, "checkpoint": "build/inside/checkpoint-questions-teacher"}');
SELECT bert_save('questions', 'build/inside/questions-teacher');
