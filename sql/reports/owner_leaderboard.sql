-- title: Owner leaderboard
-- question: Who won how much, how often and how fast, and how much is open?
-- grain: one row an owner and currency
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: rank = by won_amount in the currency; equal amounts share a rank, and opportunities without an owner have none
-- definition: win_rate = won / (won + lost), by count; null where nothing was decided
-- definition: average_deal = the average amount of those won that have one
-- definition: cycle_days = the median of the days from created_at to closed_at of those won; one that was closed before it was
--   created is left out
-- definition: open_weighted = sum of amount x probability / 100, over open opportunities that have both
-- unit: money = won_amount, average_deal, open_amount, open_weighted
-- unit: share = win_rate
-- unit: days = cycle_days
-- unit: count = won, lost, open
-- chart: bar owner won_amount

WITH deals AS (
    SELECT
        *,
        CASE
            WHEN status = 'open' THEN 'open'
            WHEN closed_at >= CAST($since AS DATE) AND coalesce(closed_at < CAST($until AS DATE) + 1, true) THEN status
        END AS outcome
    FROM model.opportunities
),
counted AS (
    SELECT
        coalesce(owner_id, owner_name) AS owner_key,
        max(owner_name) AS owner_name,
        currency,
        count(*) FILTER (outcome = 'won') AS won,
        count(*) FILTER (outcome = 'lost') AS lost,
        coalesce(sum(amount) FILTER (outcome = 'won'), 0) AS won_amount,
        avg(amount) FILTER (outcome = 'won') AS average_deal,
        median(
            CASE
                WHEN closed_at >= created_at THEN (epoch(closed_at) - epoch(created_at)) / 86400
                WHEN closed_at = CAST(created_at AS DATE) THEN 0
            END
        ) FILTER (outcome = 'won') AS cycle_days,
        count(*) FILTER (outcome = 'open') AS open,
        coalesce(sum(amount) FILTER (outcome = 'open'), 0) AS open_amount,
        coalesce(sum(weighted_amount) FILTER (outcome = 'open'), 0) AS open_weighted
    FROM deals
    GROUP BY owner_key, currency
    HAVING open + won + lost > 0
)

SELECT
    CASE
        WHEN owner_key IS NOT NULL
            THEN rank() OVER (PARTITION BY currency, owner_key IS NULL ORDER BY won_amount DESC)
    END AS rank,
    -- An id may have come with several names; it is one owner all the same.
    max(owner_name) OVER (PARTITION BY owner_key) AS owner,
    currency,
    won,
    lost,
    won_amount,
    round(won / nullif(won + lost, 0), 4) AS win_rate,
    -- To a millionth first: a double is often a little less than the half cent that it stands for.
    CAST(round(CAST(average_deal AS DECIMAL(38, 6)), 2) AS DECIMAL(38, 2)) AS average_deal,
    round(cycle_days, 1) AS cycle_days,
    open,
    open_amount,
    CAST(round(open_weighted, 2) AS DECIMAL(38, 2)) AS open_weighted
FROM counted
ORDER BY currency NULLS LAST, rank NULLS LAST, owner NULLS LAST, owner_key NULLS LAST
