-- title: Incomplete deals
-- question: Which open deals lack a next step, an amount, a close date or an owner?
-- grain: one row an open deal that lacks something, those that lack most first
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: missing = what is empty of next step, amount, close date and owner
-- definition: not asked for = what no deal of the CRM instance has, as it has no such field
-- definition: missing_count = how many of them
-- unit: money = amount
-- unit: count = missing_count
-- chart: none

WITH instances AS (
    SELECT
        _instance,
        count(next_step) > 0 AS has_next_steps,
        count(amount) > 0 AS has_amounts,
        count(expected_close_date) > 0 AS has_close_dates,
        count(coalesce(owner_id, owner_name)) > 0 AS has_owners
    FROM model.opportunities
    GROUP BY _instance
),
deals AS (
    SELECT
        o.*,
        i.has_next_steps AND coalesce(trim(o.next_step), '') = '' AS lacks_next_step,
        i.has_amounts AND o.amount IS NULL AS lacks_amount,
        i.has_close_dates AND o.expected_close_date IS NULL AS lacks_close_date,
        i.has_owners AND coalesce(o.owner_id, o.owner_name) IS NULL AS lacks_owner
    FROM model.opportunities o
    JOIN instances i USING (_instance)
    WHERE o.status = 'open'
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
    concat_ws(
        ', ',
        CASE WHEN lacks_next_step THEN 'next step' END,
        CASE WHEN lacks_amount THEN 'amount' END,
        CASE WHEN lacks_close_date THEN 'close date' END,
        CASE WHEN lacks_owner THEN 'owner' END
    ) AS missing,
    lacks_next_step::INTEGER + lacks_amount::INTEGER + lacks_close_date::INTEGER + lacks_owner::INTEGER AS missing_count,
    id
FROM deals
WHERE lacks_next_step OR lacks_amount OR lacks_close_date OR lacks_owner
ORDER BY missing_count DESC, amount DESC NULLS LAST, _instance, id
LIMIT CAST($limit AS BIGINT)
