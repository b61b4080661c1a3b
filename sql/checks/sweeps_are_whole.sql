-- title: Every list was read as a whole
-- question: Is there a list of which rows may be missing?
-- grain: one row a list whose latest sweep is suspect
-- severity: warn

SELECT instance, resource, reason AS problem, distinct_ids AS rows, finished_at AS read_at
FROM (
    SELECT s.*, r.finished_at
    FROM meta.sweeps s
    JOIN meta.runs r USING (run_id)
    QUALIFY row_number() OVER (PARTITION BY s.instance, s.resource ORDER BY r.started_at DESC, r.run_id DESC) = 1
)
WHERE verdict = 'suspect'
ORDER BY instance, resource
