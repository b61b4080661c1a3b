-- title: Owner leaderboard
-- question: Who closed how much since a day, and how often do they win?
-- grain: one row an owner and currency
-- param: since date = -365d, the first day of closing that counts
-- definition: win_rate = won / (won + lost), by count
-- chart: bar owner won_amount

SELECT
    owner_name AS owner,
    currency,
    count(*) FILTER (status = 'won') AS won,
    count(*) FILTER (status = 'lost') AS lost,
    sum(amount) FILTER (status = 'won') AS won_amount,
    round(count(*) FILTER (status = 'won') / count(*), 3) AS win_rate
FROM model.opportunities
WHERE status IN ('won', 'lost') AND closed_at >= CAST($since AS DATE)
GROUP BY owner_id, owner_name, currency
ORDER BY currency NULLS LAST, won_amount DESC NULLS LAST, owner
