-- title: Opportunities' owners
-- question: Does an opportunity belong to a user whose name no record tells?
-- grain: one row an owner, with one of the opportunities and how many there are
-- severity: warn

SELECT
    o._instance AS instance,
    'opportunities' AS resource,
    min(o.id) AS id,
    'no record tells the name of its owner' AS problem,
    o.owner_id AS refers_to,
    count(*) AS records
FROM model.opportunities o
ANTI JOIN (
    FROM model.users WHERE coalesce(name, email) IS NOT NULL
) u ON u._instance = o._instance AND u.id = o.owner_id
WHERE o.owner_id IS NOT NULL AND coalesce(o.owner_name, o.owner_email) IS NULL
GROUP BY o._instance, o.owner_id
ORDER BY instance, refers_to
