-- 05_entities.sql -- names of people and places out of a table's texts.
-- The model here is tiny and random, so its entities mean nothing: load one of yours.
.load ./bert
SELECT bert_load('ner', 'tests/golden/heads/bert-ner') LIKE 'ner@%';
--> 1

CREATE TABLE letter(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO letter(body) VALUES ('Anna lives by the river.'), ('The train from Zürich was late.'), (NULL);

SELECT l.id, n.entity, n.word, n."start", n."end" FROM letter l, bert_ner(l.body, 'ner') n ORDER BY l.id, n."start";
--> 1|MISC-X|Anna|0|4
--> 1|MISC-X|lives|5|10
--> 1|MISC-X|by|11|13
--> 1|LOC|the|14|17
--> 1|MISC-X|river|18|23
--> 1|LOC|.|23|24
--> 2|MISC-X|The|0|3
--> 2|LOC|train from Zürich was late.|4|31

-- An index of who and what is named where.
CREATE TABLE mention AS SELECT DISTINCT n.entity, n.word, l.id AS letter FROM letter l, bert_ner(l.body, 'ner') n;
SELECT entity, count(*) FROM mention GROUP BY entity ORDER BY entity;
--> LOC|3
--> MISC-X|5

-- Every word with its label.
SELECT group_concat(word || '/' || label, ' ') FROM bert_tags('Anna lives by the river.', 'ner');
--> Anna/B-MISC-X lives/B-MISC-X by/B-MISC-X the/LOC river/B-MISC-X ./LOC
