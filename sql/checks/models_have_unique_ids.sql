-- title: Models show each record once
-- question: Does a model show a record more than once?
-- grain: one row an id that several rows of a model have
-- severity: warn
-- note: where the ids of a list are unique and those of its model are not, the model's statement joins too much

WITH records AS NOT MATERIALIZED (
    SELECT 'leads' AS model, _instance, id FROM model.leads
    UNION ALL
    SELECT 'opportunities', _instance, id FROM model.opportunities
    UNION ALL
    SELECT 'contacts', _instance, id FROM model.contacts
    UNION ALL
    SELECT 'organizations', _instance, id FROM model.organizations
    UNION ALL
    SELECT 'stages', _instance, id FROM model.stages
    UNION ALL
    SELECT 'pipelines', _instance, id FROM model.pipelines
)

SELECT _instance AS instance, model, id, count(*) || ' rows have this id' AS problem
FROM records
-- Few are left for the comparison of texts, which takes longer than that of numbers.
WHERE id IS NOT NULL
    AND hash(model, _instance, id) IN (SELECT hash(model, _instance, id) FROM records GROUP BY ALL HAVING count(*) > 1)
GROUP BY _instance, model, id
HAVING count(*) > 1
ORDER BY instance, model, id
