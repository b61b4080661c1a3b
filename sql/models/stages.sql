-- title: Stages
-- grain: one row a stage of a pipeline
-- from: pipelines__stages, pipelines__phases, pipelines__steps
-- field: id VARCHAR = id, stageId
-- field: name VARCHAR = name, title, label
-- field: probability DECIMAL(9,6) = probability, winProbability
-- field: stage_order BIGINT = order, position, sortOrder, rank
-- definition: stage_order = the stage's own number or, where it has none, its place in the list

WITH stages AS (
    SELECT
        _instance,
        {{id}} AS id,
        {{name}} AS name,
        _parent_id AS pipeline_id,
        {{probability}} AS probability,
        coalesce({{stage_order}}, _position) AS stage_order
    FROM {{from}}
)

SELECT
    s._instance,
    s.id,
    s.name,
    s.pipeline_id,
    p.name AS pipeline,
    -- Some instances write 40 and some 0.4 for the same odds.
    s.probability * CASE WHEN max(s.probability) OVER (PARTITION BY s._instance) <= 1 THEN 100 ELSE 1 END AS probability,
    s.stage_order
FROM stages s
LEFT JOIN model.pipelines p ON p._instance = s._instance AND p.id = s.pipeline_id
