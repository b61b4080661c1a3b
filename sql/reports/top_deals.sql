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

-- Only the largest are read as a whole.
WITH largest AS (
    SELECT unnest(max(struct_pack(amount := amount, _instance := _instance, id := id), CAST($limit AS BIGINT))) AS deal
    FROM model.opportunities
    WHERE amount IS NOT NULL
        AND (CAST($status AS VARCHAR) = 'all' OR status = CAST($status AS VARCHAR))
        AND CASE
            WHEN status IN ('won', 'lost')
                THEN coalesce(closed_at >= CAST($since AS DATE), true) AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
            ELSE true
        END
    GROUP BY currency
)

SELECT
    row_number() OVER (PARTITION BY o.currency ORDER BY o.amount DESC, o._instance DESC, o.id DESC) AS rank,
    o.title,
    o.organization_name AS organization,
    o.owner_name AS owner,
    o.status,
    o.stage,
    o.amount,
    o.currency,
    CASE WHEN o.status = 'open' THEN CAST(round(o.weighted_amount, 2) AS DECIMAL(38, 2)) END AS weighted,
    o.expected_close_date,
    CAST(o.created_at AS DATE) AS created,
    CAST(o.closed_at AS DATE) AS closed,
    o.id
FROM largest l
JOIN model.opportunities o
    ON o._instance = l.deal._instance
    AND o.id = l.deal.id
    -- It follows from the id, and lets DuckDB skip what is smaller.
    AND o.amount = l.deal.amount
ORDER BY o.currency NULLS LAST, rank
