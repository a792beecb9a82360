-- 06_zero_shot.sql -- labels of your own, without training, through a model of natural language inference.
-- The model here is tiny and random, so its scores mean nothing: load one of yours.
.load ./bert
SELECT bert_load('nli', 'tests/golden/heads/bert-nli') LIKE 'nli@%';
--> 1

CREATE TABLE mail(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO mail(body) VALUES ('the train was late again'), ('where is the letter?');

-- One of the labels: scores sum to 1.
SELECT id, z.label, round(z.score, 3) FROM mail, bert_zero_shot(body, '["complaint", "question", "praise"]', 'nli') z
WHERE z.rank = 1;
--> 1|praise|0.362
--> 2|praise|0.36

-- Any number of them, each judged by itself, with a sentence of your own for the label.
SELECT id, group_concat(z.label, ', ') FROM mail,
  bert_zero_shot(body, '["complaint", "question", "praise"]', 'nli', 'This is a {}.', 1) z
WHERE z.score > 0.4 GROUP BY id;
--> 1|question, praise, complaint
--> 2|complaint, praise, question
