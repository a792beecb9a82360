-- 04_questions.sql -- answers out of a table's texts.
-- The model here is tiny and random, so its answers mean nothing: load one of yours.
.load ./bert
SELECT bert_load('qa', 'tests/golden/heads/bert-qa') LIKE 'qa@%';
--> 1

CREATE TABLE page(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO page(body) VALUES
  ('The river begins in the old mountains and ends in the sea.'), ('A train leaves for the city every morning.'), ('');

-- One answer a page: its own words, or NULL where there is none.
SELECT id, bert_qa('Where does the river end?', body, 'qa') AS answer FROM page;
--> 1|The river begin
--> 2|ity every morning
--> 3|NULL

-- The best answers of all pages, with scores; substr shows where they stand.
SELECT p.id, a.answer, round(a.score, 4), substr(p.body, a."start" + 1, a."end" - a."start") = a.answer AS there
FROM page p, bert_answers('Where does the river end?', p.body, 'qa') a ORDER BY a.score DESC LIMIT 3;
--> 2|city every morning|0.0317|1
--> 2|city every morning.|0.0176|1
--> 2|the city|0.0158|1
