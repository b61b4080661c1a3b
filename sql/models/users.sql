-- title: Users
-- grain: one row a user of the CRM, with the latest name and email seen
-- definition: users = those that records show with an id, a name and an email, and the owners that leads, opportunities,
--   contacts and organizations name in other ways
-- definition: first_seen, last_seen = when crmlake saw them; null for those that only the semantic layer finds

WITH owners AS (
    SELECT _instance, owner_id AS id, owner_name AS name, owner_email AS email, updated_at FROM model.opportunities
    UNION ALL
    SELECT _instance, owner_id, owner_name, owner_email, updated_at FROM model.leads
    UNION ALL
    SELECT _instance, owner_id, owner_name, owner_email, updated_at FROM model.contacts
    UNION ALL
    SELECT _instance, owner_id, owner_name, owner_email, updated_at FROM model.organizations
)

SELECT _instance, id, name, email, first_seen, last_seen FROM crm.users
UNION ALL
SELECT
    o._instance,
    o.id,
    -- One without a moment counts before all others.
    arg_max(o.name, coalesce(o.updated_at, TIMESTAMP '0001-01-01')),
    arg_max(o.email, coalesce(o.updated_at, TIMESTAMP '0001-01-01')),
    CAST(NULL AS TIMESTAMP),
    CAST(NULL AS TIMESTAMP)
FROM owners o
ANTI JOIN crm.users u ON u._instance = o._instance AND u.id = o.id
WHERE o.id IS NOT NULL
GROUP BY o._instance, o.id
