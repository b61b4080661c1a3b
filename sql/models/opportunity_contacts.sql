-- title: Contacts of opportunities
-- grain: one row an opportunity and contact
-- from: opportunities__contacts, opportunities__people
-- field: contact_id VARCHAR = id, contactId

SELECT DISTINCT _instance, opportunity_id, contact_id
FROM (
    SELECT _instance, _parent_id AS opportunity_id, {{contact_id}} AS contact_id FROM {{from}}
    UNION ALL
    SELECT _instance, id, contact_id FROM model.opportunities
)
WHERE contact_id IS NOT NULL
