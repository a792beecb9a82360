-- 09_attention.sql -- what the heads look at: attention is a table, so this is GROUP BY.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

CREATE TABLE attention AS SELECT * FROM bert_attention('the old man rowed his boat across the wide river before dawn');
CREATE TABLE habit AS
SELECT layer, head, total(weight) FILTER (WHERE to_token = '[SEP]') / count(DISTINCT from_position) AS to_sep,
       total(weight) FILTER (WHERE to_position = from_position) / count(DISTINCT from_position) AS to_itself,
       total(weight) FILTER (WHERE to_position = from_position - 1) / (count(DISTINCT from_position) - 1) AS to_previous
FROM attention GROUP BY layer, head;

-- The heads that most look at the end, at the word before, at the word itself.
SELECT 'to [SEP]', layer, head, round(to_sep, 2) FROM (SELECT * FROM habit ORDER BY to_sep DESC LIMIT 2)
UNION ALL SELECT 'to the previous', layer, head, round(to_previous, 2) FROM (SELECT * FROM habit ORDER BY to_previous DESC LIMIT 2)
UNION ALL SELECT 'to itself', layer, head, round(to_itself, 2) FROM (SELECT * FROM habit ORDER BY to_itself DESC LIMIT 2);
--> to [SEP]|3|11|0.26
--> to [SEP]|0|5|0.17
--> to the previous|0|2|1.0
--> to the previous|2|11|0.34
--> to itself|1|1|0.21
--> to itself|0|8|0.2

-- Layer by layer: how much of all attention goes to the words, and not to [CLS] and [SEP].
SELECT layer, round(total(weight) FILTER (WHERE to_token NOT IN ('[CLS]', '[SEP]')) / total(weight), 2) FROM attention GROUP BY layer;
--> 0|0.67
--> 1|0.4
--> 2|0.33
--> 3|0.3
--> 4|0.27
--> 5|0.64

-- One head of one layer: no other is computed.
SELECT from_token, to_token FROM (SELECT *, max(weight) FROM bert_attention('the boat sank') WHERE layer = 0 AND head = 2 GROUP BY from_position);
--> [CLS]|[CLS]
--> the|[CLS]
--> boat|the
--> sank|boat
--> [SEP]|sank
