-- title: Win rate by size
-- question: Are large opportunities won as often as small ones, by count and by amount?
-- grain: one row a band of amounts and currency; the band is null where the amount is not known
-- param: bands list = "1000,5000,10000,25000,50000,100000", the amounts at which a new band begins
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: band = amounts from its beginning up to, and without, the beginning of the next
-- definition: win_rate = won / (won + lost), by count; null where nothing was decided
-- definition: win_rate_by_amount = won_amount / (won_amount + lost_amount); null where nothing was decided, and where one of
--   the two is below zero
-- definition: undated = won or lost on a day that is not known: in no span of time, and so not among the others
-- unit: money = won_amount, lost_amount
-- unit: share = win_rate, win_rate_by_amount
-- unit: count = won, lost, undated
-- chart: column band win_rate

WITH given AS (
    SELECT unnest(CAST($bands AS VARCHAR[])) AS bound
),
bounds AS (
    SELECT DISTINCT
        CASE
            WHEN TRY_CAST(bound AS DECIMAL(18, 2)) IS NULL THEN error('bands: "' || bound || '" is not an amount such as 5000')
            ELSE CAST(bound AS DECIMAL(18, 2))
        END AS bound
    FROM given
),
-- The band before the first bound has no beginning, the one after the last has no end.
bands AS (
    SELECT bound AS band_from, lead(bound) OVER (ORDER BY bound NULLS FIRST) AS band_to
    FROM (FROM bounds UNION ALL SELECT NULL)
),
labelled AS (
    SELECT
        *,
        regexp_replace(CAST(band_from AS VARCHAR), '\.00$', '') AS first_text,
        regexp_replace(CAST(band_to AS VARCHAR), '\.00$', '') AS end_text
    FROM bands
),
decided AS (
    SELECT currency, amount, CASE WHEN closed_at IS NULL THEN 'undated' ELSE status END AS outcome
    FROM model.opportunities
    WHERE status IN ('won', 'lost')
        AND coalesce(closed_at >= CAST($since AS DATE), true)
        AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
),
counted AS (
    SELECT
        b.band_from,
        b.band_to,
        CASE
            WHEN d.amount IS NULL THEN NULL
            WHEN b.band_from IS NULL AND b.band_to IS NULL THEN 'any amount'
            WHEN b.band_from IS NULL THEN 'under ' || b.end_text
            WHEN b.band_to IS NULL THEN b.first_text || ' and more'
            ELSE b.first_text || ' to ' || b.end_text
        END AS band,
        d.currency,
        count(*) FILTER (d.outcome = 'won') AS won,
        count(*) FILTER (d.outcome = 'lost') AS lost,
        coalesce(sum(d.amount) FILTER (d.outcome = 'won'), 0) AS won_amount,
        coalesce(sum(d.amount) FILTER (d.outcome = 'lost'), 0) AS lost_amount,
        count(*) FILTER (d.outcome = 'undated') AS undated
    FROM decided d
    LEFT JOIN labelled b
        ON d.amount >= coalesce(b.band_from, '-infinity'::DOUBLE) AND d.amount < coalesce(b.band_to, 'infinity'::DOUBLE)
    GROUP BY ALL
)

SELECT
    band,
    currency,
    won,
    lost,
    won_amount,
    lost_amount,
    round(won / nullif(won + lost, 0), 4) AS win_rate,
    CASE
        WHEN won_amount >= 0 AND lost_amount >= 0 THEN round(won_amount / nullif(won_amount + lost_amount, 0), 4)
    END AS win_rate_by_amount,
    undated
FROM counted
ORDER BY currency NULLS LAST, band IS NULL, band_from NULLS FIRST
