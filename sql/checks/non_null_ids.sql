-- title: Ids are there
-- question: Is there a record without an id?
-- grain: one row a record without an id, or without an instance
-- severity: error

WITH records AS NOT MATERIALIZED (
    SELECT 'leads' AS resource, _instance, id, _valid_from FROM history.leads
    UNION ALL
    SELECT 'opportunities', _instance, id, _valid_from FROM history.opportunities
    UNION ALL
    SELECT 'contacts', _instance, id, _valid_from FROM history.contacts
    UNION ALL
    SELECT 'organizations', _instance, id, _valid_from FROM history.organizations
    UNION ALL
    SELECT 'pipelines', _instance, id, _valid_from FROM history.pipelines
    UNION ALL
    SELECT 'tags_leads', _instance, id, _valid_from FROM history.tags_leads
    UNION ALL
    SELECT 'tags_opportunities', _instance, id, _valid_from FROM history.tags_opportunities
    UNION ALL
    SELECT 'tags_contacts', _instance, id, _valid_from FROM history.tags_contacts
    UNION ALL
    SELECT 'tags_organizations', _instance, id, _valid_from FROM history.tags_organizations
    UNION ALL
    SELECT 'form_fields_opportunities', _instance, id, _valid_from FROM history.form_fields_opportunities
    UNION ALL
    SELECT 'form_fields_contacts', _instance, id, _valid_from FROM history.form_fields_contacts
    UNION ALL
    SELECT 'form_fields_organizations', _instance, id, _valid_from FROM history.form_fields_organizations
)

SELECT
    _instance AS instance,
    resource,
    id,
    CASE
        WHEN id IS NULL THEN 'it has no id'
        WHEN id = '' THEN 'its id is an empty text'
        ELSE 'it belongs to no instance'
    END AS problem,
    _valid_from AS seen_at
FROM records
WHERE id IS NULL OR id = '' OR _instance IS NULL
ORDER BY ALL
