-- 07_fill_mask.sql -- what could stand in a gap, and how likely a word is there.
-- The model here is tiny and random, so its words mean nothing: load one of yours.
.load ./bert
SELECT bert_load('mlm', 'tests/golden/heads/bert-mlm') LIKE 'mlm@%';
--> 1

SELECT token, round(score, 4), sequence FROM bert_fill_mask('the river [MASK] into the sea', 'mlm') LIMIT 3;
--> is|0.3226|the river is into the sea
--> prices|0.2289|the river prices into the sea
--> ##in|0.1644|the riverin into the sea

-- Which of two words fits better.
SELECT token FROM bert_fill_mask('the river [MASK] into the sea', 'mlm') WHERE token IN ('the', 'old') ORDER BY rank LIMIT 1;
--> the

-- Two gaps: each has rows of its own, at its position.
SELECT position, token FROM bert_fill_mask('the [MASK] and the [MASK]', 'mlm') WHERE rank = 1;
--> 2|k
--> 5|##in
