-- title: Sixty months, some of them without a row
-- question: Are labels of a long time apart, and months without a row in their place?
-- grain: one row a month
-- unit: money = won_amount, lost_amount
-- chart: column month won_amount, lost_amount

SELECT CAST(DATE '2021-01-01' + to_months(CAST(i AS INTEGER)) AS DATE) AS month,
       CAST(900000 * (1 + sin(i)) AS DECIMAL(18, 2)) AS won_amount,
       CAST(-300000 * (1 + cos(i)) AS DECIMAL(18, 2)) AS lost_amount
FROM generate_series(0, 59) AS t(i) WHERE i % 7 <> 3
