-- title: Changes since the last run
-- question: What is new, changed or gone since the run before the latest?
-- grain: one row a changed field, a new record or a deleted one
-- param: limit integer = 40, how many rows at the most
-- chart: none

WITH latest AS (
    SELECT run_id FROM meta.runs ORDER BY started_at DESC LIMIT 1
),
-- The first load of everything is no change.
comparable AS (
    SELECT run_id FROM latest WHERE (SELECT count(*) FROM meta.runs) > 1
),
titles AS (
    SELECT 'leads' AS resource, id, title FROM model.leads
    UNION ALL
    SELECT 'opportunities', id, title FROM model.opportunities
    UNION ALL
    SELECT 'contacts', id, concat_ws(' ', first_name, last_name) FROM model.contacts
    UNION ALL
    SELECT 'organizations', id, name FROM model.organizations
),
news AS (
    SELECT resource, id, 'created' AS change, NULL AS field, NULL AS old_value, NULL AS new_value
    FROM (
        SELECT 'leads' AS resource, id, _run_id FROM history.leads GROUP BY ALL
        UNION ALL
        SELECT 'opportunities', id, _run_id FROM history.opportunities GROUP BY ALL
        UNION ALL
        SELECT 'contacts', id, _run_id FROM history.contacts GROUP BY ALL
        UNION ALL
        SELECT 'organizations', id, _run_id FROM history.organizations GROUP BY ALL
    )
    GROUP BY resource, id
    HAVING count(*) = 1 AND min(_run_id) IN (FROM comparable)
),
edits AS (
    SELECT
        resource,
        id,
        CASE column_name WHEN '_deleted' THEN 'deleted' ELSE 'changed' END AS change,
        CASE column_name WHEN '_deleted' THEN NULL ELSE column_name END AS field,
        CASE column_name WHEN '_deleted' THEN NULL ELSE old_value END AS old_value,
        CASE column_name WHEN '_deleted' THEN NULL ELSE new_value END AS new_value
    FROM meta.changes
    WHERE run_id IN (FROM comparable) AND column_name NOT LIKE 'last_updated%'
)
SELECT c.resource, t.title, c.change, c.field, c.old_value, c.new_value
FROM (FROM edits UNION ALL FROM news) c
LEFT JOIN titles t USING (resource, id)
ORDER BY
    CASE c.resource WHEN 'opportunities' THEN 0 WHEN 'leads' THEN 1 ELSE 2 END,
    c.resource,
    c.change,
    c.field,
    t.title,
    c.id
LIMIT $limit
