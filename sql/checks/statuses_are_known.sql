-- title: Statuses are known
-- question: Which statuses have no canonical meaning?
-- grain: one row a status without a meaning, with one of its records and how many there are
-- severity: warn
-- note: reports about open, won and lost leave records with such a status out; [values.opportunities.status] and
--   [values.leads.status] in the configuration say what it means

WITH statuses AS (
    SELECT 'opportunities' AS resource, _instance, status, ['open', 'won', 'lost'] AS known, id FROM model.opportunities
    UNION ALL
    SELECT 'leads', _instance, status, ['open', 'converted', 'disqualified'], id FROM model.leads
)

SELECT
    _instance AS instance,
    resource,
    min(id) AS id,
    'its status is none of ' || array_to_string(any_value(known), ', ') AS problem,
    status,
    count(*) AS records
FROM statuses
WHERE NOT coalesce(list_contains(known, status), false)
GROUP BY _instance, resource, status
ORDER BY instance, resource, status NULLS LAST
