-- title: Owner changes
-- question: Which deals changed hands, and from whom to whom?
-- grain: one row a deal and change of its owner, the latest first
-- param: since date = -90d, changes seen on this day or later count
-- param: owner text =, only changes from or to this owner (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: change = the deal was seen with another owner than before; another spelling of the same owner's name is none
-- definition: changed_at = when it was seen first; status, stage and amount are those of that moment
-- definition: counted_since = the day asked for or, where history begins later, the day that it begins
-- unit: money = amount
-- chart: none

-- First which changes are shown, and then what of them.
WITH changes AS (
    SELECT
        v._instance,
        v.id,
        v.valid_from,
        coalesce(f.owner_name, f.owner_email, f.owner_id) AS from_owner
    FROM model.opportunity_versions v
    -- The version before ended when this one began.
    JOIN model.opportunity_versions f
        ON f._instance = v._instance AND f.id = v.id AND f.valid_to = v.valid_from
    WHERE v.valid_from >= CAST($since AS DATE)
        AND f.valid_to >= CAST($since AS DATE)
        AND coalesce(v.owner_id, v.owner_name) IS DISTINCT FROM coalesce(f.owner_id, f.owner_name)
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', v.owner_name, v.owner_email, f.owner_name, f.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', v.pipeline)
    ORDER BY v.valid_from DESC, v._instance, v.id
    LIMIT CAST($limit AS BIGINT)
)

SELECT
    v.valid_from AS changed_at,
    v.title,
    v.organization_name AS organization,
    c.from_owner,
    coalesce(v.owner_name, v.owner_email, v.owner_id) AS to_owner,
    v.status,
    v.stage,
    v.amount,
    v.currency,
    CAST(greatest(CAST($since AS DATE), i.known_since) AS DATE) AS counted_since,
    v.id
FROM changes c
JOIN model.opportunity_versions v USING (_instance, id, valid_from)
LEFT JOIN model.instances i ON i._instance = v._instance
ORDER BY changed_at DESC, v._instance, v.id
