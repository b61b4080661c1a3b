-- title: Changes since the last run
-- question: What is new, changed or gone since the run before the latest?
-- grain: one row a changed field, a new record, or one that is gone
-- param: limit integer from 1 = 40, how many rows at the most
-- param: without list = "last_updated*,updated_*,modified_*,last_modified*", fields whose change is no news; * stands for
--   any letters
-- definition: change = created, changed, restored (gone once, and back), merged (into the record that new_value names) or
--   deleted
-- note: what a list holds when it is read for the first time is no change
-- chart: none

WITH latest AS (
    SELECT run_id FROM meta.runs ORDER BY started_at DESC, run_id DESC LIMIT 1
),
-- The lists that the latest run read, and an earlier one too.
comparable AS (
    SELECT instance AS _instance, resource
    FROM meta.sweeps
    WHERE passes > 0
    GROUP BY ALL
    HAVING bool_or(run_id IN (FROM latest)) AND bool_or(run_id NOT IN (FROM latest))
),
versions AS NOT MATERIALIZED (
    SELECT 'leads' AS resource, _instance, id, _run_id, _valid_to FROM history.leads
    UNION ALL
    SELECT 'opportunities', _instance, id, _run_id, _valid_to FROM history.opportunities
    UNION ALL
    SELECT 'contacts', _instance, id, _run_id, _valid_to FROM history.contacts
    UNION ALL
    SELECT 'organizations', _instance, id, _run_id, _valid_to FROM history.organizations
),
-- What has a version of the latest run and none before.
created AS (
    SELECT resource, _instance, id
    FROM versions
    SEMI JOIN comparable USING (_instance, resource)
    ANTI JOIN (FROM versions WHERE _valid_to IS NOT NULL) former USING (resource, _instance, id)
    WHERE _run_id IN (FROM latest)
),
changes AS MATERIALIZED (
    SELECT resource, _instance, id, 'created' AS change, NULL AS field, NULL AS old_value, NULL AS new_value
    FROM created
    UNION ALL
    SELECT
        resource,
        instance,
        id,
        CASE
            WHEN column_name = '_merged_into' THEN 'merged'
            WHEN column_name = '_deleted' AND new_value = 'true' THEN 'deleted'
            WHEN column_name = '_deleted' THEN 'restored'
            ELSE 'changed'
        END,
        CASE WHEN NOT starts_with(column_name, '_') THEN column_name END,
        CASE WHEN NOT starts_with(column_name, '_') THEN old_value END,
        CASE WHEN column_name <> '_deleted' THEN new_value END
    FROM meta.changes
    WHERE run_id IN (FROM latest)
        AND len(list_filter(CAST($without AS VARCHAR[]), lambda pattern: column_name GLOB pattern)) = 0
),
-- Of what is gone, the history of opportunities still has the title.
titles AS (
    SELECT 'leads' AS resource, _instance, id, title FROM model.leads
    UNION ALL
    SELECT 'contacts', _instance, id, nullif(concat_ws(' ', first_name, last_name), '') FROM model.contacts
    UNION ALL
    SELECT 'organizations', _instance, id, name FROM model.organizations
    UNION ALL
    SELECT 'opportunities', _instance, id, max_by(title, valid_from)
    FROM model.opportunity_versions
    SEMI JOIN changes USING (_instance, id)
    WHERE valid_to IS NULL OR is_deleted
    GROUP BY ALL
)

SELECT c.resource, t.title, c.change, c.field, c.old_value, c.new_value, c.id
FROM changes c
LEFT JOIN titles t USING (resource, _instance, id)
ORDER BY
    list_position(['opportunities', 'leads', 'organizations', 'contacts'], c.resource) NULLS LAST,
    c.resource,
    list_position(['created', 'changed', 'restored', 'merged', 'deleted'], c.change),
    t.title NULLS LAST,
    c._instance,
    c.id,
    c.field
LIMIT CAST($limit AS BIGINT)
