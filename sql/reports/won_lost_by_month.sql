-- title: Won and lost by month
-- question: How many opportunities were won and lost in each month, for how much, and how often do we win?
-- grain: one row a month and currency, months without any among them; the month is null where the closing day is not known
-- param: since date = -11mo, a day of the first month, which counts from its first day
-- param: until date =, a day of the last month, which counts to its last day; without it every later month counts
-- param: today date = today, the day up to whose month every month has a row
-- definition: win_rate = won / (won + lost), by count; null where nothing was decided
-- definition: win_rate_by_amount = won_amount / (won_amount + lost_amount); null where nothing was decided, and where one of
--   the two is below zero
-- unit: money = won_amount, lost_amount
-- unit: share = win_rate, win_rate_by_amount
-- unit: count = won, lost
-- chart: column month won_amount, lost_amount

WITH decided AS (
    SELECT CAST(date_trunc('month', closed_at) AS DATE) AS month, currency, status, amount
    FROM model.opportunities
    WHERE status IN ('won', 'lost')
        AND coalesce(closed_at >= date_trunc('month', CAST($since AS DATE)), true)
        AND coalesce(closed_at < date_trunc('month', CAST($until AS DATE)) + INTERVAL 1 MONTH, true)
),
-- A month without deals is a row of zeros in each currency, not a gap in the chart.
months AS (
    SELECT DISTINCT month
    FROM model.calendar
    WHERE month BETWEEN date_trunc('month', CAST($since AS DATE)) AND coalesce(CAST($until AS DATE), CAST($today AS DATE))
),
counted AS (
    SELECT
        month,
        currency,
        count(*) FILTER (status = 'won') AS won,
        count(*) FILTER (status = 'lost') AS lost,
        coalesce(sum(amount) FILTER (status = 'won'), 0) AS won_amount,
        coalesce(sum(amount) FILTER (status = 'lost'), 0) AS lost_amount
    FROM (
        FROM decided
        UNION ALL
        SELECT month, currency, NULL, NULL FROM months LEFT JOIN (SELECT DISTINCT currency FROM decided) ON true
    )
    GROUP BY month, currency
)

SELECT
    *,
    round(won / nullif(won + lost, 0), 4) AS win_rate,
    CASE
        WHEN won_amount >= 0 AND lost_amount >= 0 THEN round(won_amount / nullif(won_amount + lost_amount, 0), 4)
    END AS win_rate_by_amount
FROM counted
ORDER BY month NULLS LAST, currency NULLS LAST
