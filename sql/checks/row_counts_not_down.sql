-- title: Lists are not much shorter
-- question: Has a list lost a large share of its rows since it was read last?
-- grain: one row a list
-- severity: error
-- param: max_drop number = 0.5, the share that may go from one whole reading to the next
-- param: min_rows integer from 1 = 20, how many rows a list must have had to be looked at
-- definition: drop = 1 - rows / rows before, of the latest whole sweep of a list and the one before
-- note: where so much was deleted on purpose, raise max_drop in [checks.params.row_counts_not_down] for one run

WITH swept AS (
    SELECT
        s.instance,
        s.resource,
        s.distinct_ids AS rows,
        lag(s.distinct_ids) OVER earlier AS rows_before,
        row_number() OVER (PARTITION BY s.instance, s.resource ORDER BY r.started_at DESC, r.run_id DESC) AS age
    FROM meta.sweeps s
    JOIN meta.runs r USING (run_id)
    WHERE s.passes > 0 AND s.verdict <> 'suspect'
    WINDOW earlier AS (PARTITION BY s.instance, s.resource ORDER BY r.started_at, r.run_id)
)

SELECT
    instance,
    resource,
    rows || ' rows instead of ' || rows_before AS problem,
    rows,
    rows_before,
    round(1 - rows / rows_before, 4) AS share_gone
FROM swept
WHERE age = 1
    AND rows_before >= CAST($min_rows AS BIGINT)
    AND rows < rows_before * (1 - CAST($max_drop AS DECIMAL(18, 6)))
ORDER BY instance, resource
