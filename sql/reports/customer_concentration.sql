-- title: Customer concentration
-- question: How much of what we won comes from our largest customers?
-- grain: one row an organization and currency, and one for what was won without an organization
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- param: top integer from 1 = 10, how many customers in each currency
-- definition: rank = by won_amount in the currency
-- definition: share = won_amount / all that was won in the currency, with or without an organization; an amount below zero
--   counts as zero
-- definition: cumulative_share = the share of the customer and those of a better rank together: in the last row, the share of
--   the top customers
-- unit: money = won_amount
-- unit: share = share, cumulative_share
-- unit: count = rank, won
-- chart: bar organization won_amount

WITH won AS (
    SELECT
        coalesce(organization_id, organization_name) AS customer,
        CASE WHEN customer IS NOT NULL THEN _instance END AS _instance,
        max(organization_name) AS organization,
        currency,
        count(*) AS won,
        coalesce(sum(amount), 0) AS won_amount,
        greatest(won_amount, 0) AS counted_amount
    FROM model.opportunities
    WHERE status = 'won'
        AND closed_at >= CAST($since AS DATE)
        AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        row_number() OVER best AS rank,
        sum(counted_amount) OVER best AS cumulative_amount,
        sum(counted_amount) OVER (PARTITION BY currency) AS total
    FROM won
    WINDOW best AS (
        PARTITION BY currency, customer IS NULL
        ORDER BY won_amount DESC, organization, _instance, customer
        ROWS UNBOUNDED PRECEDING
    )
)

SELECT
    CASE WHEN r.customer IS NOT NULL THEN r.rank END AS rank,
    -- What it is called now, where its record is still there.
    coalesce(o.name, r.organization) AS organization,
    r.currency,
    r.won,
    r.won_amount,
    round(r.counted_amount / nullif(r.total, 0), 4) AS share,
    CASE WHEN r.customer IS NOT NULL THEN round(r.cumulative_amount / nullif(r.total, 0), 4) END AS cumulative_share
FROM ranked r
LEFT JOIN model.organizations o ON o._instance = r._instance AND o.id = r.customer
WHERE r.rank <= CAST($top AS BIGINT)
ORDER BY r.currency NULLS LAST, rank NULLS LAST
