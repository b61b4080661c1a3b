-- title: Weighted forecast
-- question: What may the open pipeline bring in each month, by forecast category?
-- grain: one row a currency, month and forecast category; overdue deals and those without a date are months of their own
-- param: today date = today, deals expected to close before this day are overdue
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- definition: close_month = the month of the expected close date; "overdue" where that is before today; "no date" without one
-- definition: category = what the CRM calls the deal's forecast category; empty where it has none
-- definition: amount = sum over open opportunities that have an amount
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- unit: money = amount, weighted
-- unit: count = opportunities
-- chart: stacked close_month weighted by category

WITH deals AS (
    SELECT
        currency,
        forecast_category AS category,
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
    category,
    count(*) AS opportunities,
    sum(amount) AS amount,
    CAST(round(sum(weighted_amount), 2) AS DECIMAL(38, 2)) AS weighted
FROM deals
GROUP BY currency, is_overdue, month, category
ORDER BY
    currency NULLS LAST,
    is_overdue DESC,
    month NULLS LAST,
    -- The surest first.
    CASE WHEN category ILIKE 'commit%' THEN 0 WHEN category ILIKE 'best%' THEN 1 WHEN category ILIKE 'pipeline%' THEN 2 ELSE 3 END,
    category NULLS LAST
