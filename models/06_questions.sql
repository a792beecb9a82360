-- 06_questions.sql -- an answer out of a passage: five layers that learn from six, and from the labels.
--
-- The student is the teacher's layers 3, 4 and 5, narrowed, over the embeddings and the two lowest layers of
-- 02_vectors.sql, which stay as they are.
.bail on
.load ./bert
ATTACH 'build/inside/corpus.db' AS corpus;
SELECT bert_load('teacher', 'build/inside/questions-teacher');
SELECT bert_load('cut', 'build/inside/cut-questions');
SELECT max(step) AS steps, round(avg(loss), 4) AS loss, round(max(seconds)) AS seconds
FROM bert_finetune('qa', 'SELECT question, passage, answer, start FROM corpus.questions
                          WHERE source = ''squad'' OR source = ''policyqa'' AND id % 2 = 0 OR id % 4 = 0 ORDER BY id', '{
  "from": "cut", "model": "questions", "teacher": "teacher", "freeze": 2, "epochs": 3, "batch_size": 16,
  "learning_rate": 3e-4, "max_tokens": 256, "doc_stride": 128, "seed": 8,
  "checkpoint": "build/inside/checkpoint-questions"}');
SELECT bert_save('questions', 'build/inside/questions');
