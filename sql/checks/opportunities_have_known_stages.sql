-- title: Opportunities' stages
-- question: Is an opportunity in a stage that no pipeline has?
-- grain: one row a stage, with one of its opportunities and how many there are
-- severity: warn
-- note: a stage is known by its id or, where opportunities only name it, by its name; nothing is said where no
--   pipelines were read yet

SELECT
    o._instance AS instance,
    'opportunities' AS resource,
    min(o.id) AS id,
    'no pipeline has the stage it is in' AS problem,
    coalesce(o.stage_id, o.stage) AS refers_to,
    count(*) AS records
FROM model.opportunities o
ANTI JOIN (
    SELECT _instance, id AS key FROM model.stages
    UNION ALL
    SELECT _instance, name FROM model.stages
) s ON s._instance = o._instance AND s.key = coalesce(o.stage_id, o.stage)
WHERE coalesce(o.stage_id, o.stage) IS NOT NULL
    AND o._instance IN (SELECT instance FROM meta.sweeps WHERE resource = 'pipelines' AND passes > 0)
GROUP BY o._instance, coalesce(o.stage_id, o.stage)
ORDER BY instance, refers_to
