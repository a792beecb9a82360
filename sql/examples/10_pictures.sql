-- 10_pictures.sql -- pictures as SVG, from SQL. In the sqlite3 shell, writefile('map.svg', …) puts one into a file.
.load ./bert
SELECT bert_load('default', 'build/models/all-MiniLM-L6-v2') LIKE 'default@%';
--> 1

-- What each head looks at: a heat map a head.
SELECT bert_attention_svg('the old man rowed his boat across the wide river before dawn');
--> <svg …Attention: 6 layers, 12 heads, …</svg>\n

-- A map of meanings: words of one kind lie together.
CREATE TABLE word(word TEXT, kind TEXT);
INSERT INTO word VALUES ('cat', 'animal'), ('dog', 'animal'), ('lion', 'animal'), ('car', 'vehicle'), ('truck', 'vehicle'),
  ('train', 'vehicle'), ('cash', 'money'), ('loan', 'money'), ('bank', 'money');
SELECT bert_map_svg(bert_embed(word), kind) FROM word;
--> <svg …9 vectors of 384 dimensions…animal…money…vehicle…</svg>\n

-- A curve: y over x, a line for each series. The table of steps of a training goes in the same way.
WITH RECURSIVE step(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM step WHERE n < 50)
SELECT bert_plot_svg(n, 4.0 / (n + run), 'run ' || run) FROM step, (SELECT 1 AS run UNION ALL SELECT 3);
--> <svg …run 1</text>…run 3</text>…</svg>\n
