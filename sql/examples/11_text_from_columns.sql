-- 11_text_from_columns.sql -- a row as a sentence: other columns become text, and the encoder reads them all.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, profile TEXT, age INTEGER);
INSERT INTO person(name, profile, age) VALUES
  ('Ada', 'I design computers and write programs.', 36), ('Ben', 'I grow apples and keep bees.', 61),
  ('Cleo', 'I go to school and play football.', 11), ('Dev', NULL, 40);

-- Columns that are NULL are left out, and so are their sentences.
CREATE VIEW described AS
SELECT id, 'My name is ' || name || '.' || coalesce(' ' || profile, '') || coalesce(' I''m ' || age || ' years old.', '') AS text
FROM person;
SELECT text FROM described WHERE id IN (1, 4);
--> My name is Ada. I design computers and write programs. I'm 36 years old.
--> My name is Dev. I'm 40 years old.

SELECT name FROM person JOIN described USING (id) ORDER BY bert_similarity(text, 'a farmer') DESC LIMIT 1;
--> Ben
SELECT name FROM person JOIN described USING (id) ORDER BY bert_similarity(text, 'a child') DESC LIMIT 1;
--> Cleo

-- The same text may go to a classifier: UPDATE … SET label = bert_classify(text).
