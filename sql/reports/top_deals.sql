-- title: Top deals
-- question: Which are the largest opportunities that are open, or were won or lost?
-- grain: one row an opportunity
-- param: status one of open|won|lost|all = open, which opportunities; all takes in those whose status is none of the three
-- param: since date = -365d, the first day of closing that counts, for those won or lost
-- param: until date =, the last day of closing that counts, for those won or lost; without it every later day does
-- param: limit integer from 1 = 10, how many opportunities at the most in each currency
-- definition: rank = by amount in the currency; an opportunity without an amount has none, and is not here
-- definition: since and until leave out no opportunity whose closing day is not known
-- unit: money = amount, weighted
-- unit: count = rank
-- chart: bar title amount

WITH largest AS (
    SELECT _instance, id, row_number() OVER (PARTITION BY currency ORDER BY amount DESC, _instance, id) AS rank
    FROM model.opportunities
    WHERE amount IS NOT NULL
        AND (CAST($status AS VARCHAR) = 'all' OR status = CAST($status AS VARCHAR))
        AND (
            coalesce(status NOT IN ('won', 'lost'), true)
            OR coalesce(closed_at >= CAST($since AS DATE), true)
            AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
        )
    QUALIFY rank <= CAST($limit AS BIGINT)
)

SELECT
    l.rank,
    o.title,
    o.organization_name AS organization,
    o.owner_name AS owner,
    o.status,
    o.stage,
    o.amount,
    o.currency,
    CAST(round(o.weighted_amount, 2) AS DECIMAL(38, 2)) AS weighted,
    o.expected_close_date,
    CAST(o.created_at AS DATE) AS created,
    CAST(o.closed_at AS DATE) AS closed,
    o.id
FROM largest l
JOIN model.opportunities o USING (_instance, id)
ORDER BY o.currency NULLS LAST, l.rank
