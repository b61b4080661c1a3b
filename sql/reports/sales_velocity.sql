-- title: Sales velocity
-- question: How much do we win a day, going by how many opportunities are open, what they are worth, how often we win and how long it takes?
-- grain: one row a currency and owner, source or segment, or a currency
-- param: by one of all|owner|source|segment = all, what there is a row for
-- param: since date = -365d, the first day of closing that counts
-- param: until date =, the last day of closing that counts; without it every later day does
-- definition: velocity_per_day = opportunities x average_won x win_rate / cycle_days; null where one of them is not known
-- definition: opportunities = open now
-- definition: average_won = the average amount of those won that have one
-- definition: win_rate = won / (won + lost), by count; null where nothing was decided
-- definition: cycle_days = the average of the days from created_at to closed_at of those won; one that was closed before it was
--   created is left out
-- unit: money = average_won, velocity_per_day
-- unit: share = win_rate
-- unit: days = cycle_days
-- unit: count = opportunities, won, lost
-- chart: bar part velocity_per_day

WITH parts AS (
    SELECT
        CASE CAST($by AS VARCHAR)
            WHEN 'owner' THEN coalesce(owner_id, owner_name)
            WHEN 'source' THEN source
            WHEN 'segment' THEN segment
            ELSE 'all'
        END AS key,
        CASE WHEN CAST($by AS VARCHAR) = 'owner' THEN owner_name ELSE key END AS part,
        currency,
        amount,
        CASE
            WHEN status = 'open' THEN 'open'
            WHEN closed_at >= CAST($since AS DATE) AND coalesce(closed_at < CAST($until AS DATE) + 1, true) THEN status
        END AS outcome,
        CASE
            WHEN closed_at >= created_at THEN (epoch(closed_at) - epoch(created_at)) / 86400
            WHEN closed_at = CAST(created_at AS DATE) THEN 0
        END AS days
    FROM model.opportunities
),
counted AS (
    SELECT
        key,
        max(part) AS part,
        currency,
        count(*) FILTER (outcome = 'open') AS opportunities,
        count(*) FILTER (outcome = 'won') AS won,
        count(*) FILTER (outcome = 'lost') AS lost,
        avg(amount) FILTER (outcome = 'won') AS average_won,
        won / nullif(won + lost, 0) AS win_rate,
        avg(days) FILTER (outcome = 'won') AS cycle_days
    FROM parts
    GROUP BY key, currency
    HAVING opportunities + won + lost > 0
)

SELECT
    -- An id of an owner may have come with several names; it is one owner all the same.
    max(part) OVER (PARTITION BY key) AS part,
    currency,
    opportunities,
    won,
    lost,
    -- To a millionth first: a double is often a little less than the half cent that it stands for.
    CAST(round(CAST(average_won AS DECIMAL(38, 6)), 2) AS DECIMAL(38, 2)) AS average_won,
    round(win_rate, 4) AS win_rate,
    round(cycle_days, 1) AS cycle_days,
    CAST(round(opportunities * average_won * win_rate / nullif(cycle_days, 0), 2) AS DECIMAL(38, 2)) AS velocity_per_day
FROM counted
ORDER BY currency NULLS LAST, velocity_per_day DESC NULLS LAST, part NULLS LAST, key NULLS LAST
