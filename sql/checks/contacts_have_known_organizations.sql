-- title: Contacts' organizations
-- question: Does a contact belong to an organization that is not there?
-- grain: one row a contact
-- severity: warn
-- note: nothing is said where no organizations were read yet

SELECT
    c._instance AS instance,
    'contacts' AS resource,
    c.id,
    CASE
        WHEN EXISTS (FROM history.organizations h WHERE h._instance = c._instance AND h.id = c.organization_id)
            THEN 'its organization was deleted'
        ELSE 'no organization has the id it names'
    END AS problem,
    c.organization_id AS refers_to
FROM model.contacts c
ANTI JOIN model.organizations t ON t._instance = c._instance AND t.id = c.organization_id
WHERE c.organization_id IS NOT NULL
    AND c._instance IN (SELECT instance FROM meta.sweeps WHERE resource = 'organizations' AND passes > 0)
ORDER BY instance, c.id
