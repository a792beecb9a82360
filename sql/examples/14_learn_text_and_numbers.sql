-- 14_learn_text_and_numbers.sql -- a label from a text and numbers: learned on top of vectors, or all through the model.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

-- What sells within a week? Homes by the water do when they are cheap.
CREATE TABLE ad(id INTEGER PRIMARY KEY, body TEXT, price REAL, rooms INTEGER, label TEXT);
INSERT INTO ad(body, price, rooms, label)
SELECT place.value, price.value * 1000, 2 + (place.key + price.key) % 4,
       CASE WHEN place.key < 4 AND price.value < 400 THEN 'quick' ELSE 'slow' END
FROM json_each('["a cottage by the sea", "a house on the beach", "a cabin at the lake", "a villa with a view of the ocean",
                 "a flat in the city", "a loft downtown", "an apartment above a shop", "a studio near the station"]') place,
     json_each('[150, 210, 260, 320, 520, 640, 800, 950]') price;

-- The fast way: a classifier on vectors alone. Numbers are standardised by the model itself. It takes seconds.
SELECT max(step), min(loss) < 0.5 FROM bert_finetune('head', 'SELECT bert_concat(bert_embed(body), price, rooms), label FROM ad',
                                                    '{"model":"seller","seed":1}');
--> 100|1
SELECT label FROM bert_predict(bert_concat(bert_embed('a bungalow on the shore'), 180000, 3), 'seller') LIMIT 1;
--> quick
SELECT label FROM bert_predict(bert_concat(bert_embed('a bungalow on the shore'), 900000, 3), 'seller') LIMIT 1;
--> slow
SELECT label FROM bert_predict(bert_concat(bert_embed('a room in an office tower'), 180000, 3), 'seller') LIMIT 1;
--> slow

-- The thorough way: the encoder learns, too, with the numbers beside its text.
SELECT max(step) FROM bert_finetune('classify', 'SELECT body, label, price, rooms FROM ad',
                                    '{"model":"seller_text","epochs":10,"batch_size":8,"learning_rate":3e-4,"seed":1}');
--> 80
SELECT features FROM bert_models WHERE name = 'seller_text';
--> ["price","rooms"]
SELECT value > 0.95 FROM bert_evaluate('classify', 'SELECT body, label, price, rooms FROM ad', '{"model":"seller_text"}')
WHERE metric = 'accuracy';
--> 1
SELECT bert_classify('a bungalow on the shore', NULL, 'seller_text', price.value, 3) FROM json_each('[180000, 900000]') price;
--> quick
--> slow
SELECT bert_classify('a room in an office tower', NULL, 'seller_text', 180000, 3);
--> slow
