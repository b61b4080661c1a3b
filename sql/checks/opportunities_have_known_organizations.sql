-- title: Opportunities' organizations
-- question: Does an opportunity belong to an organization that is not there?
-- grain: one row an opportunity
-- severity: warn
-- note: nothing is said where no organizations were read yet

SELECT
    o._instance AS instance,
    'opportunities' AS resource,
    o.id,
    CASE
        WHEN EXISTS (FROM history.organizations h WHERE h._instance = o._instance AND h.id = o.organization_id)
            THEN 'its organization was deleted'
        ELSE 'no organization has the id it names'
    END AS problem,
    o.organization_id AS refers_to
FROM model.opportunities o
ANTI JOIN model.organizations t ON t._instance = o._instance AND t.id = o.organization_id
WHERE o.organization_id IS NOT NULL
    AND o._instance IN (SELECT instance FROM meta.sweeps WHERE resource = 'organizations' AND passes > 0)
ORDER BY instance, o.id
