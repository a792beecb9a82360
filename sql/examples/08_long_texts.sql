-- 08_long_texts.sql -- search inside long texts: pieces of them, each with its place.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE document(id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO document(body) VALUES (
  'The lighthouse was built in 1874. Its lamp burnt oil until the war. In those years three keepers lived there with ' ||
  'their families. Bread came by boat once a week, weather allowing. After the cable was laid the lamp became electric, ' ||
  'and the keepers left one by one. Today a computer on the mainland switches it on at dusk.');

-- Pieces of at most 24 tokens that overlap by 6 and never cut a word.
CREATE TABLE piece AS
SELECT d.id AS document, c."start", c."end", c.chunk, bert_embed(c.chunk) AS embedding
FROM document d, bert_chunks(d.body, 24, 6) c;
SELECT count(*), max(bert_token_count(chunk)) FROM piece;
--> 4|24

SELECT document, "start", chunk FROM piece ORDER BY bert_cosine(embedding, bert_embed('How did they get food?')) DESC LIMIT 1;
--> 1|71|those years three keepers lived there with their families. Bread came by boat once a week, weather allowing. After

-- How long a text is, and what the model reads of it at once: beyond that bert_embed(body) leaves the end out.
SELECT bert_token_count(body), max_tokens FROM document, bert_models WHERE name = 'default';
--> 69|256
