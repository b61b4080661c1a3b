-- title: Contacts of opportunities
-- grain: one row a place where an opportunity names a contact: among its contacts, or as its main one
-- definition: is_main = the opportunity's own contact; a contact named in both places, or twice, has as many rows
-- from: opportunities__contacts, opportunities__people
-- field: contact_id VARCHAR = id, contactId

SELECT *
FROM (
    SELECT _instance, _parent_id AS opportunity_id, {{contact_id}} AS contact_id, false AS is_main FROM {{from}}
    UNION ALL
    SELECT _instance, id, contact_id, true FROM model.opportunities
)
WHERE contact_id IS NOT NULL
