-- title: Pipeline by organization
-- question: With which organizations is the most open?
-- grain: one row a currency and organization, those with the most; deals without an organization are a row with an empty one
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 25, how many organizations of each currency at the most
-- definition: amount = sum over open opportunities that have an amount
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- definition: share = amount / the amount of all organizations in that currency, those beyond the limit included
-- definition: next_close = the earliest expected close date
-- unit: money = amount, weighted
-- unit: count = opportunities
-- unit: share = share
-- chart: bar organization amount

WITH organizations AS (
    SELECT
        currency,
        coalesce(organization_id, organization_name) AS organization_key,
        CASE WHEN organization_key IS NOT NULL THEN _instance END AS _instance,
        max(organization_name) AS organization,
        count(*) AS opportunities,
        sum(amount) AS amount,
        CAST(round(sum(weighted_amount), 2) AS DECIMAL(38, 2)) AS weighted,
        min(expected_close_date) AS next_close
    FROM model.opportunities
    WHERE status = 'open'
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
    GROUP BY ALL
),
totals AS (
    SELECT currency, sum(amount) AS amount FROM organizations GROUP BY currency
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY currency
            ORDER BY amount DESC NULLS LAST, organization NULLS LAST, _instance, organization_key
        ) AS place
    FROM organizations
)

SELECT
    r.currency,
    -- What it is called now, where its record is still there.
    coalesce(o.name, r.organization) AS organization,
    r.opportunities,
    r.amount,
    r.weighted,
    round(r.amount / nullif(t.amount, 0), 4) AS share,
    r.next_close
FROM ranked r
JOIN totals t ON t.currency IS NOT DISTINCT FROM r.currency
LEFT JOIN model.organizations o ON o._instance = r._instance AND o.id = r.organization_key
WHERE r.place <= CAST($limit AS BIGINT)
ORDER BY r.currency NULLS LAST, r.place
