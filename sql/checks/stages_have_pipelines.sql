-- title: Stages' pipelines
-- question: Does a stage belong to a pipeline that is not there?
-- grain: one row a stage
-- severity: warn

SELECT
    s._instance AS instance,
    'pipelines' AS resource,
    s.id,
    'no pipeline has the id it names' AS problem,
    s.pipeline_id AS refers_to
FROM model.stages s
ANTI JOIN model.pipelines p ON p._instance = s._instance AND p.id = s.pipeline_id
ORDER BY instance, s.id
