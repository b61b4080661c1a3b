-- title: Headlines
-- question: How do we stand, and what is different from a week ago?
-- grain: one row a headline and, for money, currency
-- param: today date = today, the day that the figures are of; where the data is older, they are of the day of its last extraction
-- definition: previous = the figure as it stood 7 days before, at the end of the day; empty where history does not reach that far
-- definition: change = value - previous
-- definition: Open pipeline, Open deals = amount and number of the open opportunities
-- definition: Weighted pipeline = sum of amount x probability / 100 of the open opportunities
-- definition: Won this month = amount of the opportunities won with a closing date from the month's first day on; previous = those of this month that had closed 7 days before
-- definition: Win rate, 90 days = won / (won + lost) by count, of those with a closing date in the 90 days up to the day; previous = in the 90 days up to 7 days before
-- definition: Average cycle, 90 days = average days from creation to closing of the opportunities won in these 90 days
-- definition: what was won and lost when = by closing dates as they are known now, so that it needs no history
-- chart: none

WITH days AS (
    SELECT least(CAST($today AS DATE), CAST((SELECT max(extracted_at) FROM model.instances) AS DATE)) AS today
),
open_deals AS (
    SELECT
        v.currency,
        v.amount,
        v.weighted_amount,
        v.valid_from < d.today + 1 AND (v.valid_to IS NULL OR v.valid_to >= d.today + 1) AS is_now,
        v.valid_from < d.today - 6 AND (v.valid_to IS NULL OR v.valid_to >= d.today - 6) AS is_then,
        i.known_since >= d.today + 1 AS is_now_unknown,
        i.known_since >= d.today - 6 AS is_then_unknown
    FROM model.opportunity_versions v
    LEFT JOIN model.instances i USING (_instance)
    CROSS JOIN days d
    WHERE v.status = 'open' AND (is_now OR is_then)
),
open_sums AS (
    SELECT
        currency,
        count(*) FILTER (is_now) AS deals_now,
        count(*) FILTER (is_then) AS deals_then,
        coalesce(sum(amount) FILTER (is_now), 0) AS amount_now,
        coalesce(sum(amount) FILTER (is_then), 0) AS amount_then,
        round(coalesce(sum(weighted_amount) FILTER (is_now), 0), 2) AS weighted_now,
        round(coalesce(sum(weighted_amount) FILTER (is_then), 0), 2) AS weighted_then,
        coalesce(bool_or(is_now_unknown), false) AS is_now_unknown,
        coalesce(bool_or(is_then_unknown), false) AS is_then_unknown
    FROM open_deals
    GROUP BY currency
),
closed_deals AS (
    SELECT
        o.currency,
        o.amount,
        o.status = 'won' AS is_won,
        CASE
            WHEN is_won AND o.closed_at >= o.created_at THEN (epoch(o.closed_at) - epoch(o.created_at)) / 86400
            -- Of some closings only the day is known.
            WHEN is_won AND o.closed_at = CAST(o.created_at AS DATE) THEN 0
        END AS cycle,
        o.closed_at < d.today + 1 AND o.closed_at >= d.today - 89 AS is_now,
        o.closed_at < d.today - 6 AND o.closed_at >= d.today - 96 AS is_then,
        is_won AND o.closed_at < d.today + 1 AND o.closed_at >= date_trunc('month', d.today) AS is_this_month,
        is_this_month AND o.closed_at < d.today - 6 AS was_this_month
    FROM model.opportunities o
    CROSS JOIN days d
    WHERE o.status IN ('won', 'lost') AND (is_now OR is_then)
),
won_sums AS (
    SELECT
        currency,
        coalesce(sum(amount) FILTER (is_this_month), 0) AS won_now,
        coalesce(sum(amount) FILTER (was_this_month), 0) AS won_then
    FROM closed_deals
    GROUP BY currency
),
figures AS (
    SELECT
        1 AS place,
        'Open pipeline' AS headline,
        currency,
        CASE WHEN NOT is_now_unknown THEN amount_now END AS value,
        CASE WHEN NOT is_then_unknown THEN amount_then END AS previous,
        'money' AS unit
    FROM open_sums
    UNION ALL
    SELECT
        2,
        'Weighted pipeline',
        currency,
        CASE WHEN NOT is_now_unknown THEN weighted_now END,
        CASE WHEN NOT is_then_unknown THEN weighted_then END,
        'money'
    FROM open_sums
    UNION ALL
    SELECT
        3,
        'Open deals',
        NULL,
        CASE WHEN NOT coalesce(bool_or(is_now_unknown), false) THEN coalesce(sum(deals_now), 0) END,
        CASE WHEN NOT coalesce(bool_or(is_then_unknown), false) THEN coalesce(sum(deals_then), 0) END,
        'count'
    FROM open_sums
    UNION ALL
    SELECT 4, 'Won this month', currency, won_now, won_then, 'money' FROM won_sums
    UNION ALL
    SELECT
        5,
        'Win rate, 90 days',
        NULL,
        round(count(*) FILTER (is_now AND is_won) / nullif(count(*) FILTER (is_now), 0), 4),
        round(count(*) FILTER (is_then AND is_won) / nullif(count(*) FILTER (is_then), 0), 4),
        'share'
    FROM closed_deals
    UNION ALL
    SELECT
        6,
        'Average cycle, 90 days',
        NULL,
        round(avg(cycle) FILTER (is_now), 1),
        round(avg(cycle) FILTER (is_then), 1),
        'days'
    FROM closed_deals
)

SELECT
    headline,
    currency,
    CAST(value AS DECIMAL(38, 4)) AS value,
    CAST(previous AS DECIMAL(38, 4)) AS previous,
    CAST(value AS DECIMAL(38, 4)) - CAST(previous AS DECIMAL(38, 4)) AS change,
    unit
FROM figures
ORDER BY place, currency NULLS LAST
