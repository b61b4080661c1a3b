-- title: Overdue deals
-- question: Which open deals should have closed by now?
-- grain: one row an open deal whose expected close date has passed, the longest overdue first
-- param: today date = today, the day that days are counted to
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: days_overdue = days from the expected close date to today
-- unit: money = amount
-- unit: days = days_overdue
-- chart: none

SELECT
    title,
    organization_name AS organization,
    owner_name AS owner,
    pipeline,
    stage,
    amount,
    currency,
    expected_close_date,
    CAST($today AS DATE) - expected_close_date AS days_overdue,
    next_step,
    id
FROM model.opportunities
WHERE status = 'open'
    AND expected_close_date < CAST($today AS DATE)
    AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
    AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
ORDER BY days_overdue DESC, amount DESC NULLS LAST, _instance, id
LIMIT CAST($limit AS BIGINT)
