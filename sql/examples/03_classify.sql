-- 03_classify.sql -- a column of labels in one UPDATE; many rows at a time; every label with its score.
-- The model here is tiny and random, so its labels mean nothing: load one of yours.
.load ./bert
SELECT bert_load('sentiment', 'tests/golden/heads/bert-classify') LIKE 'sentiment@%';
--> 1

CREATE TABLE review(id INTEGER PRIMARY KEY, body TEXT, label TEXT);
INSERT INTO review(body) VALUES ('the river is old'), ('a train and the sea'), (NULL), ('the letter was never read');

UPDATE review SET label = bert_classify(body, NULL, 'sentiment');
SELECT id, label FROM review;
--> 1|bad
--> 2|bad
--> 3|NULL
--> 4|bad

-- The same for long tables: batches of texts, many times as fast.
UPDATE review SET label = c.label FROM bert_classify_each('SELECT id, body FROM review', 'sentiment') c WHERE c.key = id;
SELECT label, count(*) FROM review GROUP BY label;
--> NULL|1
--> bad|3

SELECT id, c.label, round(c.score, 3) FROM review, bert_classes(body, NULL, 'sentiment') c WHERE id = 1;
--> 1|bad|0.809
--> 1|so so|0.113
--> 1|good|0.078

-- Only what the model is not sure of, for somebody to look at.
SELECT id FROM review, bert_classes(body, NULL, 'sentiment') c WHERE c.rank = 1 AND c.score < 0.85;
--> 1
--> 2
--> 4
