-- title: Hundreds of rows
-- question: What becomes of an answer that is too long for a chart?
-- grain: one row a number
-- unit: money = amount
-- chart: bar name amount

SELECT 'Customer number ' || i AS name, CAST((501 - i) * 1234.56 AS DECIMAL(18, 2)) AS amount
FROM generate_series(1, 500) AS t(i)
