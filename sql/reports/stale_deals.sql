-- title: Stale deals
-- question: Which open deals has nobody touched for long?
-- grain: one row an open deal without any change for so many days, the longest untouched first
-- param: today date = today, the day that days are counted to
-- param: days integer from 1 = 30, how many days without a change
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: last_change = when the CRM says that the deal was last updated; where it does not say, when a change was seen last, or the deal was created
-- definition: days_unchanged = whole days from last_change to today
-- unit: money = amount
-- unit: days = days_unchanged
-- chart: none

WITH deals AS (
    SELECT
        o.*,
        -- What the first load brought says nothing of when it changed.
        coalesce(o.updated_at, CASE WHEN o.valid_from > i.known_since THEN o.valid_from END, o.created_at) AS last_change
    FROM model.opportunity_versions o
    LEFT JOIN model.instances i USING (_instance)
    WHERE o.valid_to IS NULL
        AND o.status = 'open'
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', o.owner_name, o.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', o.pipeline)
)

SELECT
    title,
    organization_name AS organization,
    owner_name AS owner,
    pipeline,
    stage,
    amount,
    currency,
    expected_close_date,
    next_step,
    CAST(last_change AS DATE) AS last_change,
    CAST($today AS DATE) - CAST(last_change AS DATE) AS days_unchanged,
    id
FROM deals
WHERE CAST(last_change AS DATE) <= CAST($today AS DATE) - CAST($days AS INTEGER)
ORDER BY days_unchanged DESC, amount DESC NULLS LAST, _instance, id
LIMIT CAST($limit AS BIGINT)
