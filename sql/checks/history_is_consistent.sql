-- title: History is consistent
-- question: Do versions of a record overlap, end before they begin, or is more than one the current one?
-- grain: one row a record and problem
-- severity: error

WITH versions AS NOT MATERIALIZED (
    SELECT 'leads' AS resource, _instance, id, _valid_from, _valid_to FROM history.leads
    UNION ALL
    SELECT 'opportunities', _instance, id, _valid_from, _valid_to FROM history.opportunities
    UNION ALL
    SELECT 'contacts', _instance, id, _valid_from, _valid_to FROM history.contacts
    UNION ALL
    SELECT 'organizations', _instance, id, _valid_from, _valid_to FROM history.organizations
    UNION ALL
    SELECT 'pipelines', _instance, id, _valid_from, _valid_to FROM history.pipelines
),
-- Where each version but the first begins as another one ends, and each but the last ends as another one begins, every
-- moment has one version. What is otherwise is looked at: a record that was deleted and came back, or a mistake.
doubtful AS (
    SELECT hash(resource, _instance, id) AS record
    FROM versions
    GROUP BY ALL
    HAVING sum(hash(_valid_from)) - hash(min(_valid_from))
        <> coalesce(sum(hash(_valid_to)) FILTER (_valid_to IS NOT NULL), 0)
            - CASE WHEN bool_or(_valid_to IS NULL) THEN 0 ELSE hash(max(_valid_to)) END
),
neighbours AS (
    SELECT
        *,
        row_number() OVER earlier > 1 AND coalesce(lag(_valid_to) OVER earlier > _valid_from, true) AS is_early,
        count(*) FILTER (_valid_to IS NULL) OVER (PARTITION BY resource, _instance, id) AS current_ones
    FROM versions
    WHERE hash(resource, _instance, id) IN (FROM doubtful)
    WINDOW earlier AS (PARTITION BY resource, _instance, id ORDER BY _valid_from, _valid_to NULLS LAST)
),
problems AS (
    SELECT resource, _instance, id, 'a version has no beginning, or ends no later than it begins' AS problem
    FROM versions
    WHERE _valid_from IS NULL OR _valid_to <= _valid_from
    UNION ALL
    SELECT resource, _instance, id, 'several versions are current' FROM neighbours WHERE current_ones > 1
    UNION ALL
    SELECT resource, _instance, id, 'a version begins before the one before it ends' FROM neighbours WHERE is_early
)

SELECT DISTINCT _instance AS instance, resource, id, problem
FROM problems
ORDER BY instance, resource, id, problem
