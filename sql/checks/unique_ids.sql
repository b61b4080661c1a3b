-- title: Unique ids
-- question: Does one id stand for several records of a list?
-- grain: one row an id that several current records of a list have
-- severity: error

WITH records AS NOT MATERIALIZED (
    SELECT 'leads' AS resource, _instance, id FROM history.leads WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'opportunities', _instance, id FROM history.opportunities WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'contacts', _instance, id FROM history.contacts WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'organizations', _instance, id FROM history.organizations WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'pipelines', _instance, id FROM history.pipelines WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'tags_leads', _instance, id FROM history.tags_leads WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'tags_opportunities', _instance, id FROM history.tags_opportunities WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'tags_contacts', _instance, id FROM history.tags_contacts WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'tags_organizations', _instance, id FROM history.tags_organizations WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'form_fields_opportunities', _instance, id FROM history.form_fields_opportunities WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'form_fields_contacts', _instance, id FROM history.form_fields_contacts WHERE _valid_to IS NULL
    UNION ALL
    SELECT 'form_fields_organizations', _instance, id FROM history.form_fields_organizations WHERE _valid_to IS NULL
)

SELECT _instance AS instance, resource, id, count(*) || ' records have this id' AS problem
FROM records
-- Few are left for the comparison of texts, which takes longer than that of numbers.
WHERE hash(resource, _instance, id) IN (
    SELECT hash(resource, _instance, id) FROM records GROUP BY ALL HAVING count(*) > 1
)
GROUP BY _instance, resource, id
HAVING count(*) > 1
ORDER BY instance, resource, id
