-- title: Cohorts by quarter
-- question: What has become of the opportunities created in each quarter?
-- grain: one row a quarter of creation and currency; the quarter is null where the day of creation is not known
-- param: since date = -2y, a day of the first quarter, which counts from its first day
-- param: until date =, a day of the last quarter, which counts to its last day; without it every later quarter counts
-- definition: open = still open; other = of a status that is none of open, won and lost
-- definition: win_rate = won / (won + lost) so far, by count; null where nothing was decided
-- definition: won_amount = of those won so far
-- definition: median_days = from created_at to closed_at of those won so far; one that was closed before it was created is left
--   out
-- note: opportunities that were deleted since are not among them
-- unit: money = won_amount
-- unit: share = win_rate
-- unit: days = median_days
-- unit: count = created, won, lost, open, other
-- chart: stacked quarter won, lost, open

SELECT
    CAST(date_trunc('quarter', created_at) AS DATE) AS quarter,
    currency,
    count(*) AS created,
    count(*) FILTER (status = 'won') AS won,
    count(*) FILTER (status = 'lost') AS lost,
    count(*) FILTER (status = 'open') AS open,
    count(*) FILTER (coalesce(status NOT IN ('won', 'lost', 'open'), true)) AS other,
    round(won / nullif(won + lost, 0), 4) AS win_rate,
    coalesce(sum(amount) FILTER (status = 'won'), 0) AS won_amount,
    round(
        median(
            CASE
                WHEN closed_at >= created_at THEN (epoch(closed_at) - epoch(created_at)) / 86400
                WHEN closed_at = CAST(created_at AS DATE) THEN 0
            END
        ) FILTER (status = 'won'),
        1
    ) AS median_days
FROM model.opportunities
WHERE coalesce(created_at >= date_trunc('quarter', CAST($since AS DATE)), true)
    AND coalesce(created_at < date_trunc('quarter', CAST($until AS DATE)) + INTERVAL 3 MONTH, true)
GROUP BY quarter, currency
ORDER BY quarter NULLS LAST, currency NULLS LAST
