-- title: Sales cycle by source
-- question: How long does it take to win opportunities from each source?
-- grain: one row a source
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: days = from created_at to closed_at of won opportunities; 0 where the closing is known by its day only, and is
--   the day of creation
-- definition: measured = won opportunities whose days are known: what median_days, p90_days (nine of ten took no longer) and
--   average_days are of
-- definition: closed_before_created = won before they were created, which cannot be: not measured
-- definition: undated = won without the one or the other: not measured, and in every span of time where the closing is missing
-- unit: days = median_days, p90_days, average_days
-- unit: count = won, measured, closed_before_created, undated
-- chart: bar source median_days

WITH won AS (
    SELECT
        source,
        created_at,
        closed_at,
        CASE
            WHEN closed_at >= created_at THEN (epoch(closed_at) - epoch(created_at)) / 86400
            WHEN closed_at = CAST(created_at AS DATE) THEN 0
        END AS days
    FROM model.opportunities
    WHERE status = 'won'
        AND coalesce(closed_at >= CAST($since AS DATE), true)
        AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
)

SELECT
    source,
    count(*) AS won,
    count(days) AS measured,
    round(median(days), 1) AS median_days,
    round(quantile_disc(days, 0.9), 1) AS p90_days,
    round(avg(days), 1) AS average_days,
    count(*) FILTER (days IS NULL AND closed_at < created_at) AS closed_before_created,
    count(*) FILTER (closed_at IS NULL OR created_at IS NULL) AS undated
FROM won
GROUP BY source
ORDER BY won DESC, source NULLS LAST
