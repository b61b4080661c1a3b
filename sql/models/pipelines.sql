-- title: Pipelines
-- grain: one row a pipeline
-- field: name VARCHAR = name, title, label

SELECT _instance, id, {{name}} AS name
FROM crm.pipelines
