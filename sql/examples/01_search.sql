-- 01_search.sql -- search by meaning: vectors in a generated column, kept up to date by SQLite itself.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, embedding BLOB AS (bert_embed(body)) STORED);
INSERT INTO notes(body) VALUES
  ('The invoice is due on Friday.'), ('Restart the router, then try again.'),
  ('Our cat sleeps all day.'), ('You can change your password on the settings page.');

SELECT body FROM notes ORDER BY bert_cosine(embedding, bert_embed('the internet is down')) DESC LIMIT 1;
--> Restart the router, then try again.

-- A text that changes has a new vector at once.
UPDATE notes SET body = 'Unplug the modem for a minute.' WHERE id = 3;
SELECT id, round(bert_cosine(embedding, bert_embed('the internet is down')), 2) AS score FROM notes ORDER BY score DESC LIMIT 2;
--> 3|0.46
--> 2|0.4

-- An index on the vector itself finds texts with the very same meaning to the model: here, those that differ in case.
CREATE INDEX notes_by_vector ON notes(bert_embed(body));
SELECT id FROM notes WHERE bert_embed(body) = bert_embed('RESTART THE ROUTER, THEN TRY AGAIN.');
--> 2
