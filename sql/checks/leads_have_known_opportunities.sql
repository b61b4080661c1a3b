-- title: Leads' opportunities
-- question: Was a lead converted to an opportunity that is not there?
-- grain: one row a lead
-- severity: warn
-- note: nothing is said where no opportunities were read yet

SELECT
    l._instance AS instance,
    'leads' AS resource,
    l.id,
    CASE
        WHEN EXISTS (FROM history.opportunities h WHERE h._instance = l._instance AND h.id = l.opportunity_id)
            THEN 'its opportunity was deleted'
        ELSE 'no opportunity has the id it names'
    END AS problem,
    l.opportunity_id AS refers_to
FROM model.leads l
ANTI JOIN model.opportunities t ON t._instance = l._instance AND t.id = l.opportunity_id
WHERE l.opportunity_id IS NOT NULL
    AND l._instance IN (SELECT instance FROM meta.sweeps WHERE resource = 'opportunities' AND passes > 0)
ORDER BY instance, l.id
