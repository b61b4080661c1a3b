-- title: Stacked quarters with negative parts
-- question: Do negative parts go down?
-- grain: one row a quarter
-- unit: money = new, lost
-- chart: stacked quarter new, lost

SELECT CAST(DATE '2024-01-01' + to_months(CAST(3 * i AS INTEGER)) AS DATE) AS quarter,
       CAST(100000 * (i + 1) AS DECIMAL(18, 2)) AS new, CAST(-30000 * (i + 1) AS DECIMAL(18, 2)) AS lost
FROM generate_series(0, 7) AS t(i)
