-- title: Run health
-- question: How did the latest runs go?
-- grain: one row a run, the latest first
-- param: limit integer from 1 = 20, how many runs at the most
-- definition: lists = lists that the run meant to read; proven, counted, suspect = their verdicts
-- definition: rows = different records in the lists that were read; rejects = what could not be a row
-- definition: retries = requests that had to be made again
-- definition: suspects = the lists whose verdict is suspect
-- unit: count = lists, proven, counted, suspect, rows, rejects, requests, retries
-- chart: none

WITH latest AS (
    SELECT * FROM meta.runs ORDER BY started_at DESC, run_id DESC LIMIT CAST($limit AS BIGINT)
),
swept AS (
    SELECT
        run_id,
        count(*) AS lists,
        count(*) FILTER (verdict = 'proven') AS proven,
        count(*) FILTER (verdict = 'counted') AS counted,
        count(*) FILTER (verdict = 'suspect') AS suspect,
        sum(distinct_ids) FILTER (passes > 0) AS rows,
        sum(requests) AS requests,
        sum(retries) AS retries,
        string_agg(DISTINCT resource, ', ' ORDER BY resource) FILTER (verdict = 'suspect') AS suspects
    FROM meta.sweeps
    GROUP BY run_id
),
rejected AS (
    SELECT run_id, count(*) AS rejects FROM meta.rejects GROUP BY run_id
)

SELECT
    r.started_at,
    round(epoch(r.finished_at) - epoch(r.started_at), 1) AS seconds,
    r.outcome,
    r.exit_code,
    coalesce(s.lists, 0) AS lists,
    coalesce(s.proven, 0) AS proven,
    coalesce(s.counted, 0) AS counted,
    coalesce(s.suspect, 0) AS suspect,
    CAST(coalesce(s.rows, 0) AS BIGINT) AS rows,
    coalesce(j.rejects, 0) AS rejects,
    CAST(coalesce(s.requests, 0) AS BIGINT) AS requests,
    CAST(coalesce(s.retries, 0) AS BIGINT) AS retries,
    s.suspects,
    r.version,
    r.run_id
FROM latest r
LEFT JOIN swept s USING (run_id)
LEFT JOIN rejected j USING (run_id)
ORDER BY r.started_at DESC, r.run_id DESC
