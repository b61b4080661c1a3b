-- title: Closed opportunities have a close date
-- question: Was an opportunity won or lost, and nobody knows when?
-- grain: one row an opportunity
-- severity: warn
-- note: reports by the day of closing leave such an opportunity out

SELECT _instance AS instance, 'opportunities' AS resource, id, status || ' without a close date' AS problem
FROM model.opportunities
WHERE status IN ('won', 'lost') AND closed_at IS NULL
ORDER BY instance, id
