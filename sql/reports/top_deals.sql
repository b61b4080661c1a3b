-- title: Top deals
-- question: Which are the largest opportunities that are open, or were won or lost?
-- grain: one row an opportunity
-- param: status one of open|won|lost|all = open, which opportunities; all takes in those whose status is none of the three
-- param: since date = -365d, the first day of closing that counts, for those won or lost
-- param: until date =, the last day of closing that counts, for those won or lost; without it every later day does
-- param: limit integer from 1 to 10000 = 10, how many opportunities at the most in each currency
-- definition: rank = by amount in the currency; an opportunity without an amount has none, and is not here
-- definition: weighted = amount x probability / 100 of an open opportunity; null where one of them is not known
-- note: since and until leave out no opportunity whose closing day is not known
-- unit: money = amount, weighted
-- unit: count = rank
-- chart: bar title amount

WITH chosen AS NOT MATERIALIZED (
    SELECT *
    FROM model.opportunities
    WHERE amount IS NOT NULL
        AND (CAST($status AS VARCHAR) = 'all' OR status = CAST($status AS VARCHAR))
        AND (
            coalesce(status NOT IN ('won', 'lost'), true)
            OR coalesce(closed_at >= CAST($since AS DATE), true)
            AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
        )
),
-- Only what can be among the largest is put in order.
cutoffs AS (
    SELECT currency, list_min(max(amount, CAST($limit AS BIGINT))) AS amount
    FROM chosen
    GROUP BY currency
)

SELECT
    row_number() OVER (PARTITION BY c.currency ORDER BY c.amount DESC, c._instance, c.id) AS rank,
    c.title,
    c.organization_name AS organization,
    c.owner_name AS owner,
    c.status,
    c.stage,
    c.amount,
    c.currency,
    CASE WHEN c.status = 'open' THEN CAST(round(c.weighted_amount, 2) AS DECIMAL(38, 2)) END AS weighted,
    c.expected_close_date,
    CAST(c.created_at AS DATE) AS created,
    CAST(c.closed_at AS DATE) AS closed,
    c.id
FROM chosen c
JOIN cutoffs k ON c.currency IS NOT DISTINCT FROM k.currency AND c.amount >= k.amount
QUALIFY rank <= CAST($limit AS BIGINT)
ORDER BY c.currency NULLS LAST, rank
