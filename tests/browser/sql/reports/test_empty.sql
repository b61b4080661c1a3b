-- title: No rows
-- question: What becomes of an answer without rows?
-- grain: one row a nothing
-- chart: bar name amount

SELECT 'x' AS name, 1 AS amount WHERE false
