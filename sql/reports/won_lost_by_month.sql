-- title: Won and lost by month
-- question: How many opportunities were won and lost in each month, for how much, and how often do we win?
-- grain: one row a month and currency
-- param: since date = -365d, the first day of closing that counts
-- definition: win_rate = won / (won + lost), by count
-- chart: column month won_amount

SELECT
    CAST(date_trunc('month', closed_at) AS DATE) AS month,
    currency,
    count(*) FILTER (status = 'won') AS won,
    count(*) FILTER (status = 'lost') AS lost,
    sum(amount) FILTER (status = 'won') AS won_amount,
    sum(amount) FILTER (status = 'lost') AS lost_amount,
    round(count(*) FILTER (status = 'won') / count(*), 3) AS win_rate
FROM model.opportunities
WHERE status IN ('won', 'lost') AND closed_at >= CAST($since AS DATE)
GROUP BY ALL
ORDER BY month, currency NULLS LAST
