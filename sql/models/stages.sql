-- title: Stages
-- grain: one row a stage of a pipeline
-- from: pipelines__stages
-- field: id VARCHAR = stages[].id
-- field: name VARCHAR = stages[].name, stages[].title
-- field: probability DECIMAL(18,2) = stages[].probability
-- field: stage_order BIGINT = stages[].order, stages[].position

SELECT
    s._instance,
    {{id}} AS id,
    {{name}} AS name,
    s.pipeline_id,
    {{probability}} AS probability,
    coalesce({{stage_order}}, s._position) AS stage_order
FROM crm.stages s
