-- title: Every list is fresh
-- question: Is there a list that was not read as a whole for a long time?
-- grain: one row a list
-- severity: warn
-- param: max_age_hours integer from 1 = 36, how old the latest whole reading may be
-- param: today date = today, the day that is asked on
-- definition: age = from the latest whole sweep of a list, or the first that was tried where none was whole, to the latest
--   run or to the beginning of today, whichever is later

WITH lists AS (
    SELECT
        s.instance,
        s.resource,
        max(r.finished_at) FILTER (s.passes > 0 AND s.verdict <> 'suspect') AS read_at,
        min(r.finished_at) AS tried_at
    FROM meta.sweeps s
    JOIN meta.runs r USING (run_id)
    GROUP BY s.instance, s.resource
),
latest AS (
    SELECT greatest(max(finished_at), CAST(CAST($today AS DATE) AS TIMESTAMP)) AS moment FROM meta.runs
),
aged AS (
    SELECT l.*, (epoch(t.moment) - epoch(coalesce(l.read_at, l.tried_at))) / 3600 AS hours
    FROM lists l
    CROSS JOIN latest t
)

SELECT
    instance,
    resource,
    CASE WHEN read_at IS NULL THEN 'never read as a whole' ELSE 'not read as a whole for long' END AS problem,
    read_at,
    round(hours, 1) AS hours
FROM aged
WHERE hours > CAST($max_age_hours AS BIGINT)
ORDER BY instance, resource
