-- title: Lead volume by month
-- question: How many leads came in each month, and what has become of them?
-- grain: one row a month, or a month and source, months without any among them; the month is null where the day of creation is
--   not known
-- param: by one of all|source = all, whether each source has rows of its own
-- param: since date = -11mo, a day of the first month, which counts from its first day
-- param: until date =, a day of the last month, which counts to its last day; without it every later month counts
-- param: today date = today, the day up to whose month every month has a row
-- definition: month = of creation
-- definition: other = of a status that is none of open, converted and disqualified
-- unit: count = leads, open, converted, disqualified, other
-- chart: stacked month leads by source

WITH created AS (
    SELECT
        CAST(date_trunc('month', created_at) AS DATE) AS month,
        CASE CAST($by AS VARCHAR) WHEN 'source' THEN source ELSE 'all' END AS source,
        coalesce(status, '') AS status
    FROM model.leads
    WHERE coalesce(created_at >= date_trunc('month', CAST($since AS DATE)), true)
        AND coalesce(created_at < date_trunc('month', CAST($until AS DATE)) + INTERVAL 1 MONTH, true)
),
months AS (
    SELECT DISTINCT month
    FROM model.calendar
    WHERE month BETWEEN date_trunc('month', CAST($since AS DATE)) AND coalesce(CAST($until AS DATE), CAST($today AS DATE))
)

SELECT
    month,
    source,
    count(status) AS leads,
    count(*) FILTER (status = 'open') AS open,
    count(*) FILTER (status = 'converted') AS converted,
    count(*) FILTER (status = 'disqualified') AS disqualified,
    leads - open - converted - disqualified AS other
FROM (
    FROM created
    UNION ALL
    -- A month without leads is a row of zeros, not a gap in the chart.
    SELECT month, source, NULL FROM months LEFT JOIN (SELECT DISTINCT source FROM created) ON true
)
GROUP BY month, source
ORDER BY month NULLS LAST, source NULLS LAST
