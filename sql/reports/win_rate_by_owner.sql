-- title: Win rate by owner
-- question: How often does each owner win, by count and by amount?
-- grain: one row an owner and currency
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: win_rate = won / (won + lost), by count; null where nothing was decided
-- definition: win_rate_by_amount = won_amount / (won_amount + lost_amount); null where nothing was decided, and where one of
--   the two is below zero
-- definition: win_rate_all_currencies = as win_rate, over the owner's opportunities in every currency
-- definition: undated = won or lost on a day that is not known: in no span of time, and so not among the others
-- unit: money = won_amount, lost_amount
-- unit: share = win_rate, win_rate_by_amount, win_rate_all_currencies
-- unit: count = won, lost, undated
-- chart: bar owner win_rate

WITH decided AS (
    SELECT
        coalesce(owner_id, owner_name) AS owner_key,
        owner_name,
        currency,
        amount,
        CASE WHEN closed_at IS NULL THEN 'undated' ELSE status END AS outcome
    FROM model.opportunities
    WHERE status IN ('won', 'lost')
        AND coalesce(closed_at >= CAST($since AS DATE), true)
        AND coalesce(closed_at < CAST($until AS DATE) + 1, true)
),
counted AS (
    SELECT
        owner_key,
        max(owner_name) AS owner_name,
        currency,
        count(*) FILTER (outcome = 'won') AS won,
        count(*) FILTER (outcome = 'lost') AS lost,
        coalesce(sum(amount) FILTER (outcome = 'won'), 0) AS won_amount,
        coalesce(sum(amount) FILTER (outcome = 'lost'), 0) AS lost_amount,
        count(*) FILTER (outcome = 'undated') AS undated
    FROM decided
    GROUP BY owner_key, currency
)

SELECT
    -- An id may have come with several names; it is one owner all the same.
    max(owner_name) OVER every_currency AS owner,
    currency,
    won,
    lost,
    won_amount,
    lost_amount,
    round(won / nullif(won + lost, 0), 4) AS win_rate,
    CASE
        WHEN won_amount >= 0 AND lost_amount >= 0 THEN round(won_amount / nullif(won_amount + lost_amount, 0), 4)
    END AS win_rate_by_amount,
    round(sum(won) OVER every_currency / nullif(sum(won + lost) OVER every_currency, 0), 4) AS win_rate_all_currencies,
    undated
FROM counted
WINDOW every_currency AS (PARTITION BY owner_key)
ORDER BY currency NULLS LAST, won_amount DESC, won DESC, owner NULLS LAST, owner_key NULLS LAST
