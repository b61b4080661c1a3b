-- title: Pipeline by close month
-- question: How much is expected to close in which month, how much is overdue, and how much has no date?
-- grain: one row a currency and month; overdue deals and those without a date are rows of their own
-- param: today date = today, deals expected to close before this day are overdue
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- definition: close_month = the month of the expected close date; "overdue" where that is before today; "no date" without one
-- definition: amount = sum over open opportunities that have an amount; with_amount = how many have one
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- unit: money = amount, weighted
-- unit: count = opportunities, with_amount
-- chart: column close_month amount, weighted

WITH deals AS (
    SELECT
        currency,
        amount,
        weighted_amount,
        coalesce(expected_close_date < CAST($today AS DATE), false) AS is_overdue,
        CASE WHEN NOT is_overdue THEN date_trunc('month', expected_close_date) END AS month
    FROM model.opportunities
    WHERE status = 'open'
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
)

SELECT
    currency,
    CASE
        WHEN is_overdue THEN 'overdue'
        WHEN month IS NULL THEN 'no date'
        ELSE strftime(month, '%Y-%m')
    END AS close_month,
    count(*) AS opportunities,
    count(amount) AS with_amount,
    sum(amount) AS amount,
    CAST(round(sum(weighted_amount), 2) AS DECIMAL(38, 2)) AS weighted
FROM deals
GROUP BY currency, is_overdue, month
ORDER BY currency NULLS LAST, is_overdue DESC, month NULLS LAST
