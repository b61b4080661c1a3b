-- title: Probabilities out of range
-- question: Is a probability below 0 or above 100 per cent?
-- grain: one row an opportunity or a stage
-- severity: warn

SELECT
    _instance AS instance,
    'opportunities' AS resource,
    id,
    'the probability is not between 0 and 100' AS problem,
    probability
FROM model.opportunities
WHERE NOT probability BETWEEN 0 AND 100
UNION ALL
SELECT _instance, 'pipelines', id, 'the probability of a stage is not between 0 and 100', probability
FROM model.stages
WHERE NOT probability BETWEEN 0 AND 100
ORDER BY instance, resource, id
