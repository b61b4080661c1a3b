-- title: Amounts below zero
-- question: Is an opportunity or a lead worth less than nothing?
-- grain: one row a record
-- severity: warn

SELECT _instance AS instance, 'opportunities' AS resource, id, 'the amount is below zero' AS problem, amount
FROM model.opportunities
WHERE amount < 0
UNION ALL
SELECT _instance, 'leads', id, 'the amount is below zero', amount
FROM model.leads
WHERE amount < 0
ORDER BY instance, resource, id
