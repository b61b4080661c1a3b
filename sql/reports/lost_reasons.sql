-- title: Lost reasons
-- question: Why are opportunities lost, and how much goes with each reason?
-- grain: one row a reason and currency; the reason is null where none was given
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: share = lost / all that were lost in the currency
-- definition: share_of_amount = amount / the amount of all that were lost in the currency; an amount below zero counts as zero
-- definition: undated = lost on a day that is not known: in no span of time, and so not among the others
-- unit: money = amount
-- unit: share = share, share_of_amount
-- unit: count = lost, undated
-- chart: bar lost_reason lost

WITH lost AS (
    SELECT
        lost_reason,
        currency,
        count(closed_at) AS lost,
        coalesce(sum(amount) FILTER (closed_at IS NOT NULL), 0) AS amount,
        sum(amount) FILTER (closed_at IS NOT NULL AND amount > 0) AS counted_amount,
        count(*) - count(closed_at) AS undated
    FROM model.opportunities
    WHERE status = 'lost'
        AND coalesce(closed_at >= CAST($since AS DATE), true)
        AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
    GROUP BY lost_reason, currency
)

SELECT
    lost_reason,
    currency,
    lost,
    amount,
    round(lost / nullif(sum(lost) OVER of_currency, 0), 4) AS share,
    round(coalesce(counted_amount, 0) / nullif(sum(counted_amount) OVER of_currency, 0), 4) AS share_of_amount,
    undated
FROM lost
WINDOW of_currency AS (PARTITION BY currency)
ORDER BY currency NULLS LAST, lost DESC, amount DESC, lost_reason NULLS LAST
