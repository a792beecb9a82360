-- 02_duplicates.sql -- questions asked twice in other words.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE question(id INTEGER PRIMARY KEY, text TEXT);
INSERT INTO question(text) VALUES
  ('How can I get my money back?'), ('Where is my parcel?'), ('I would like a refund.'),
  ('My package has not arrived yet.'), ('Do you sell gift cards?');

CREATE TABLE vector AS SELECT key AS id, embedding FROM bert_embed_each('SELECT id, text FROM question');

SELECT a.text, b.text, round(bert_cosine(v.embedding, w.embedding), 2) AS likeness
FROM vector v JOIN vector w ON v.id < w.id JOIN question a ON a.id = v.id JOIN question b ON b.id = w.id
WHERE bert_cosine(v.embedding, w.embedding) > 0.5 ORDER BY likeness DESC;
--> How can I get my money back?|I would like a refund.|0.59
--> Where is my parcel?|My package has not arrived yet.|0.51

-- Each question with the one nearest to it.
SELECT v.id, w.id, max(bert_cosine(v.embedding, w.embedding)) > 0.5 AS close FROM vector v JOIN vector w ON v.id <> w.id
GROUP BY v.id;
--> 1|3|1
--> 2|4|1
--> 3|1|1
--> 4|2|1
--> 5|4|0
