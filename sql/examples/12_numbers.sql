-- 12_numbers.sql -- text and numbers in one vector: numbers are standardised first, or the largest would decide alone.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE house(id INTEGER PRIMARY KEY, text TEXT, rooms REAL, price REAL);
INSERT INTO house(text, rooms, price) VALUES
  ('a cottage by the sea', 3, 300000), ('a villa with a view of the ocean', 9, 2400000),
  ('a flat in the city', 2, 280000), ('a loft downtown', 5, 900000);

-- Mean and deviation, once; they belong to what is made of them.
CREATE TABLE scale AS
SELECT avg(rooms) AS rooms, sqrt(avg(rooms * rooms) - avg(rooms) * avg(rooms)) AS rooms_deviation,
       avg(price) AS price, sqrt(avg(price * price) - avg(price) * avg(price)) AS price_deviation FROM house;

CREATE TABLE joined AS
SELECT h.id, bert_concat(bert_embed(h.text), (h.rooms - s.rooms) / s.rooms_deviation, (h.price - s.price) / s.price_deviation) AS vector
FROM house h, scale s;
SELECT count(*), length(vector) / 4 AS numbers FROM joined;
--> 4|386

-- The nearest to the first house: by words alone, and with rooms and price.
SELECT h.text FROM house h, house f WHERE f.id = 1 AND h.id > 1 ORDER BY bert_similarity(h.text, f.text) DESC LIMIT 1;
--> a villa with a view of the ocean
SELECT h.text FROM joined j JOIN house h USING (id), joined f WHERE f.id = 1 AND j.id > 1 ORDER BY bert_cosine(j.vector, f.vector) DESC LIMIT 1;
--> a flat in the city
