-- title: Pipeline waterfall
-- question: What made the open pipeline what it is, from one day to another?
-- grain: one row a currency and step
-- param: since date = -30d, the pipeline at the end of this day is the start
-- param: until date = today, the pipeline at the end of this day is the end; of the two days the earlier is the start
-- param: owner text =, the pipeline of this owner only (name or email)
-- param: pipeline text =, this pipeline only
-- param: currency text =, amounts of this currency only
-- definition: scope = the open opportunities of the owner, pipeline and currency chosen; one without an amount counts as 0
-- definition: start, end = the scope at the end of these days; start + new + increased + moved in - moved out - lost - decreased - won = end
-- definition: new = was not in the CRM at the start, and came into the scope; what it is worth at the end, or was when it was won or lost
-- definition: increased, decreased = in the scope at the start and at the end, or until won or lost, and worth more or less
-- definition: moved in = was in the CRM, but not in the scope: another owner, pipeline or currency, closed, of a status of its own, or deleted and restored
-- definition: moved out = has left the scope in such a way, or was deleted; what it was worth at the start
-- definition: lost, won = closed since, with the amount at the end; deals are counted once, as they stand at the two ends, whatever they went through between them
-- definition: opportunities = how many deals are concerned; running_amount, running_opportunities = the level after the step
-- definition: note = where history begins after the start asked for, which instance is counted from when on instead
-- unit: money = amount, running_amount
-- unit: count = opportunities, running_opportunities
-- chart: waterfall step amount

WITH bounds AS (
    -- A moment before history begins cannot be told: an instance is counted from where it can.
    SELECT
        _instance,
        known_since,
        least(CAST($since AS DATE), CAST($until AS DATE)) AS first_day,
        greatest(CAST($since AS DATE), CAST($until AS DATE)) AS last_day,
        greatest(first_day + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND, known_since) AS start_at,
        greatest(last_day + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND, known_since) AS end_at
    FROM model.instances
),
-- What was valid at either end, the status aside.
versions AS (
    SELECT
        v._instance,
        v.id,
        v.status,
        v.currency,
        coalesce(v.amount, 0) AS amount,
        v.valid_from <= b.start_at AND (v.valid_to IS NULL OR v.valid_to > b.start_at) AS at_start,
        v.valid_from <= b.end_at AND (v.valid_to IS NULL OR v.valid_to > b.end_at) AS at_end,
        coalesce(
            coalesce(CAST($owner AS VARCHAR), '') IN ('', v.owner_name, v.owner_email)
            AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', v.pipeline),
            false
        ) AS in_scope
    FROM model.opportunity_versions v
    JOIN bounds b USING (_instance)
    WHERE at_start OR at_end
),
-- Deals of which another version is valid at the end than at the start.
changed AS (
    SELECT
        coalesce(s.in_scope AND s.status = 'open', false) AS was_in,
        -- Open at the end, or closed since: what was closed as it is already is no news.
        coalesce(e.in_scope AND (e.status = 'open' OR e.status IN ('won', 'lost') AND e.status IS DISTINCT FROM s.status), false) AS is_in,
        was_in AND is_in AND s.currency IS NOT DISTINCT FROM e.currency AS stays,
        s.currency AS currency_then,
        e.currency AS currency_now,
        s.amount AS amount_then,
        e.amount AS amount_now,
        e.status,
        s.id IS NULL AND d.id IS NULL AS is_new
    FROM (FROM versions WHERE at_start AND NOT at_end) s
    FULL JOIN (FROM versions WHERE at_end AND NOT at_start) e USING (_instance, id)
    LEFT JOIN (
        SELECT DISTINCT v._instance, v.id
        FROM model.opportunity_versions v
        JOIN bounds b USING (_instance)
        WHERE v.is_deleted AND v.valid_to <= b.start_at
    ) d USING (_instance, id)
),
movements AS (
    SELECT currency, 'start' AS step, amount FROM versions WHERE at_start AND in_scope AND status = 'open'
    UNION ALL
    SELECT currency, 'end', amount FROM versions WHERE at_end AND in_scope AND status = 'open'
    UNION ALL
    SELECT currency_now, CASE WHEN amount_now > amount_then THEN 'increased' ELSE 'decreased' END, amount_now - amount_then
    FROM changed
    WHERE stays AND amount_now <> amount_then
    UNION ALL
    SELECT currency_then, 'moved out', -amount_then FROM changed WHERE was_in AND NOT stays
    UNION ALL
    SELECT currency_now, CASE WHEN is_new THEN 'new' ELSE 'moved in' END, amount_now FROM changed WHERE is_in AND NOT stays
    UNION ALL
    SELECT currency_now, status, -amount_now FROM changed WHERE is_in AND status <> 'open'
),
sums AS (
    SELECT currency, step, count(*) AS opportunities, sum(amount) AS amount
    FROM movements
    WHERE coalesce(CAST($currency AS VARCHAR), '') IN ('', currency)
    GROUP BY currency, step
),
-- Every step has a row, also where nothing happened. The sign says what a step does to the number of deals.
steps AS (
    SELECT c.currency, s.place, s.step, s.sign
    FROM (SELECT DISTINCT currency FROM sums) c
    CROSS JOIN (
        VALUES (1, 'start', 1), (2, 'new', 1), (3, 'increased', 0), (4, 'moved in', 1), (5, 'moved out', -1),
            (6, 'lost', -1), (7, 'decreased', 0), (8, 'won', -1), (9, 'end', 0)
    ) s (place, step, sign)
)

SELECT
    t.currency,
    t.step,
    coalesce(s.opportunities, 0) AS opportunities,
    coalesce(s.amount, 0) AS amount,
    sum(CASE WHEN t.step = 'end' THEN 0 ELSE coalesce(s.amount, 0) END) OVER so_far AS running_amount,
    CAST(sum(t.sign * coalesce(s.opportunities, 0)) OVER so_far AS BIGINT) AS running_opportunities,
    CASE WHEN t.step = 'start' THEN (
        SELECT string_agg(
            _instance || ' is known since ' || strftime(known_since, '%Y-%m-%d %H:%M') || ', and counted from then on',
            '; ' ORDER BY _instance
        )
        FROM bounds
        WHERE known_since >= first_day + INTERVAL 1 DAY
    ) END AS note
FROM steps t
LEFT JOIN sums s ON s.currency IS NOT DISTINCT FROM t.currency AND s.step = t.step
WINDOW so_far AS (PARTITION BY t.currency ORDER BY t.place)
ORDER BY t.currency NULLS LAST, t.place
