-- SPDX-License-Identifier: Apache-2.0
-- The workload sqlite3: whole numbers and text only, every order given.
CREATE TABLE item(id INTEGER PRIMARY KEY, kind INTEGER, weight INTEGER, name TEXT);
CREATE TABLE kind(id INTEGER PRIMARY KEY, name TEXT);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 7999)
INSERT INTO item SELECT i, i * 7919 % 101, i * 104729 % 65521, 'item ' || (i * 31 % 20011) FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
INSERT INTO kind SELECT i, 'kind ' || i FROM n;
CREATE INDEX by_kind ON item(kind, weight);
CREATE INDEX by_name ON item(name);
SELECT kind.name, count(*), sum(weight), min(item.name)
FROM kind JOIN item ON item.kind = kind.id GROUP BY kind.id ORDER BY sum(weight) DESC, kind.id;
SELECT count(*) FROM item a JOIN item b ON b.name = 'item ' || (a.weight % 20011)
WHERE a.kind < 50;
UPDATE item SET weight = weight + 1 WHERE name LIKE 'item 1%';
SELECT id, name, weight FROM item WHERE kind % 3 = 1 ORDER BY weight DESC, id LIMIT 200;
SELECT sum(weight), total(id) FROM item;
