-- title: A single row
-- question: What becomes of a single month?
-- grain: one row a month
-- unit: share = win_rate
-- chart: column month win_rate

SELECT DATE '2026-03-01' AS month, 0.4033 AS win_rate
