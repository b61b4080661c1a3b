-- title: Won opportunities have an amount
-- question: Was an opportunity won for no amount?
-- grain: one row an opportunity
-- severity: warn
-- note: an amount of 0 is one

SELECT _instance AS instance, 'opportunities' AS resource, id, 'won without an amount' AS problem
FROM model.opportunities
WHERE status = 'won' AND amount IS NULL
ORDER BY instance, id
