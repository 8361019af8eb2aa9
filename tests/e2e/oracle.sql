-- oracle.sql: the purchase graph of a table of purchases, by set algebra.
--
-- Tables t (household_id, store_id, basket_id, product_id, transaction_timestamp, …) and
-- p (product_id, department, brand, product_category, product_type, …) are there, as imported
-- from CSV.  Prints the canonical lines of docs/reference/fingerprint.md, but for the
-- likelihood, which comes with 17 digits and is cut to six decimals by the caller.
.mode list
.separator "\t"
.headers off

CREATE TEMP VIEW purchase AS
  SELECT DISTINCT household_id AS u, product_id AS p, basket_id AS r, store_id AS s,
         CAST(strftime('%s', transaction_timestamp) AS INTEGER) * 1000 AS ms
  FROM t;

-- Only what was bought is in the graph.
CREATE TEMP TABLE product AS
  SELECT b.p AS id, ifnull(c.product_type, '') AS name, ifnull(c.brand, '') AS brand,
         ifnull(c.product_category, '') AS category, ifnull(c.department, '') AS department
  FROM (SELECT DISTINCT p FROM purchase) b LEFT JOIN p c ON c.product_id = b.p;

-- CAT_ + lower case, each run of other characters one underscore, a character at a time.
CREATE TEMP TABLE category AS
  WITH RECURSIVE
    name(name) AS (SELECT DISTINCT category FROM product WHERE category <> ''),
    step(name, i, id) AS (
      SELECT name, 1, 'CAT_' FROM name
      UNION ALL
      SELECT name, i + 1,
             CASE WHEN lower(substr(name, i, 1)) GLOB '[a-z0-9]' THEN id || lower(substr(name, i, 1))
                  WHEN i > 1 AND NOT lower(substr(name, i - 1, 1)) GLOB '[a-z0-9]' THEN id
                  ELSE id || '_' END
      FROM step WHERE i <= length(name))
  SELECT name, id FROM step WHERE i = length(name) + 1;

-- Of the times of one receipt on one edge the latest counts.
CREATE TEMP TABLE bought AS SELECT u, p, r, max(ms) AS ms FROM purchase GROUP BY u, p, r;
CREATE TEMP TABLE visit AS SELECT u, s, r, max(ms) AS ms FROM purchase WHERE s <> '' GROUP BY u, s, r;
CREATE TEMP TABLE aisle AS
  SELECT u, c.id AS c, r, max(ms) AS ms
  FROM purchase x JOIN product d ON d.id = x.p JOIN category c ON c.name = d.category GROUP BY u, c.id, r;

CREATE TEMP VIEW gap AS
  SELECT u, p, ms - lag(ms) OVER (PARTITION BY u, p ORDER BY ms, r) AS g FROM bought;
CREATE TEMP TABLE mean AS
  SELECT u, p, avg(g) AS mean, sum(g) AS total, count(g) AS n FROM gap WHERE g IS NOT NULL GROUP BY u, p;
CREATE INDEX temp.mean_key ON mean(u, p);
CREATE TEMP TABLE spread AS
  SELECT m.u, m.p, m.mean, m.total, m.n, avg((g.g - m.mean) * (g.g - m.mean)) AS variance
  FROM gap g JOIN mean m ON m.u = g.u AND m.p = g.p WHERE g.g IS NOT NULL GROUP BY m.u, m.p;

SELECT 'User', u, 'UTC' FROM (SELECT DISTINCT u FROM purchase);
SELECT 'Product', id, name, brand, category, ''
       || CASE WHEN department <> '' THEN char(9) || department ELSE '' END
       || CASE WHEN category <> '' THEN char(9) || category ELSE '' END
       || CASE WHEN name <> '' THEN char(9) || name ELSE '' END
FROM product;
SELECT 'Category', id, min(name) FROM category GROUP BY id;
SELECT DISTINCT 'Retailer', 'RET_' || s, s, 'Grocery' FROM visit;
SELECT 'IN_CATEGORY', d.id, c.id FROM product d JOIN category c ON c.name = d.category;
SELECT 'PURCHASED', b.u, b.p, b.times, b.last,
       -- the mean gap in days, rounded half up, in whole numbers
       ifnull((2 * s.total + s.n * 86400000) / (2 * s.n * 86400000), 0),
       CASE WHEN b.times < 2 THEN '0'
            ELSE printf('%!.17g', (1 - 1.0 / b.times) / (1 + CASE WHEN s.mean > 0 AND s.n > 1
                                                                 THEN sqrt(s.variance) / s.mean ELSE 0 END)) END,
       b.receipts
FROM (SELECT DISTINCT u, p, count(*) OVER w AS times, max(ms) OVER w AS last,
             group_concat(ms || char(9) || r, char(9)) OVER
               (PARTITION BY u, p ORDER BY ms, r ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS receipts
      FROM bought WINDOW w AS (PARTITION BY u, p)) b
LEFT JOIN spread s ON s.u = b.u AND s.p = b.p;
SELECT DISTINCT 'SHOPS_AT', u, 'RET_' || s, count(*) OVER w, max(ms) OVER w,
       group_concat(r, char(9)) OVER (PARTITION BY u, s ORDER BY r ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
FROM visit WINDOW w AS (PARTITION BY u, s);
SELECT DISTINCT 'SHOPS_IN', u, c, count(*) OVER w, max(ms) OVER w,
       group_concat(r, char(9)) OVER (PARTITION BY u, c ORDER BY r ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
FROM aisle WINDOW w AS (PARTITION BY u, c);
