-- title: Pipeline trend
-- question: How did the open pipeline develop, week by week?
-- grain: one row a currency and week
-- param: since date = -26w, the first day; weeks before history begins are left out
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- definition: week = its Monday; the figures are those at the end of its Sunday, and of the running week as of now
-- definition: amount = sum over open opportunities that have an amount, at the probability, amount and currency they had then
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- definition: instances = of how many CRM instances history can tell that week; where it grows, so may the rest
-- unit: money = amount, weighted
-- unit: count = opportunities, instances
-- chart: line week amount, weighted

WITH bounds AS (
    SELECT
        _instance,
        -- The first week at whose end the instance is known.
        greatest(date_trunc('week', CAST($since AS DATE)), date_trunc('week', known_since)) AS first_week,
        date_trunc('week', max(extracted_at) OVER ()) AS last_week
    FROM model.instances
),
-- A version counts at the end of the week that it began in, and no more at the end of the one that it ended in.
turns AS (
    SELECT
        v._instance,
        v.currency,
        greatest(date_trunc('week', v.valid_from), b.first_week) AS begins,
        date_trunc('week', v.valid_to) AS ends,
        v.amount,
        v.weighted_amount
    FROM model.opportunity_versions v
    JOIN bounds b USING (_instance)
    WHERE v.status = 'open'
        AND (v.valid_to IS NULL OR ends > begins)
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', v.owner_name, v.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', v.pipeline)
),
changes AS (
    SELECT currency, begins AS week, count(*) AS opportunities, sum(amount) AS amount, sum(weighted_amount) AS weighted
    FROM turns
    GROUP BY currency, begins
    UNION ALL
    SELECT currency, ends, -count(*), -sum(amount), -sum(weighted_amount)
    FROM turns
    WHERE ends IS NOT NULL
    GROUP BY currency, ends
),
-- Weeks in which nothing changed have a row too.
weeks AS (
    SELECT c.currency, w.week, w.instances
    FROM (SELECT DISTINCT currency FROM changes) c
    CROSS JOIN (
        SELECT d.week, count(*) AS instances
        FROM (SELECT DISTINCT week FROM model.calendar) d
        JOIN bounds b ON d.week BETWEEN b.first_week AND b.last_week
        GROUP BY d.week
    ) w
),
levels AS (
    SELECT
        w.currency,
        w.week,
        w.instances,
        sum(sum(c.opportunities)) OVER so_far AS opportunities,
        sum(sum(c.amount)) OVER so_far AS amount,
        sum(sum(c.weighted)) OVER so_far AS weighted
    FROM weeks w
    LEFT JOIN changes c ON c.currency IS NOT DISTINCT FROM w.currency AND c.week = w.week
    GROUP BY w.currency, w.week, w.instances
    WINDOW so_far AS (PARTITION BY w.currency ORDER BY w.week)
)

SELECT
    currency,
    CAST(week AS DATE) AS week,
    CAST(coalesce(opportunities, 0) AS BIGINT) AS opportunities,
    coalesce(amount, 0) AS amount,
    CAST(round(coalesce(weighted, 0), 2) AS DECIMAL(38, 2)) AS weighted,
    instances
FROM levels
ORDER BY currency NULLS LAST, week
