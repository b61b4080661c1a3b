-- title: Deals at risk
-- question: Which open deals are in danger, and why?
-- grain: one row an open deal with a reason to worry, those with the most reasons first
-- param: today date = today, the day that days are counted to
-- param: days integer from 1 = 30, so many days without a change are too many
-- param: slips integer from 1 = 2, so often put off is too often
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 20, how many rows at the most
-- definition: overdue = the expected close date has passed
-- definition: unchanged = last updated, or seen to change, so many days ago or longer
-- definition: put off = history saw the expected close date of the open deal moved to a later day so many times
-- definition: unlike won ones = open for longer than nine of ten won deals of its pipeline took, of those closed in the last 365 days; asked where there are 10 of them
-- definition: reasons = how many of these four; why = in words
-- unit: money = amount
-- unit: count = reasons
-- chart: none

WITH deals AS (
    SELECT
        o.*,
        coalesce(o.updated_at, CASE WHEN o.valid_from > i.known_since THEN o.valid_from END, o.created_at) AS last_change
    FROM model.opportunity_versions o
    LEFT JOIN model.instances i USING (_instance)
    WHERE o.valid_to IS NULL
        AND o.status = 'open'
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', o.owner_name, o.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', o.pipeline)
),
-- What an open deal was expected to close on, and when.
dates AS MATERIALIZED (
    SELECT v._instance, v.id, v.valid_from, v.valid_to, v.expected_close_date
    FROM model.opportunity_versions v
    SEMI JOIN deals d ON d._instance = v._instance AND d.id = v.id
    WHERE v.status = 'open' AND v.expected_close_date IS NOT NULL
),
slips AS (
    SELECT v._instance, v.id, count(*) AS slips
    FROM dates v
    -- The version before ended when this one began.
    JOIN dates f ON f._instance = v._instance AND f.id = v.id AND f.valid_to = v.valid_from
    WHERE v.expected_close_date > f.expected_close_date
    GROUP BY v._instance, v.id
    HAVING slips >= CAST($slips AS BIGINT)
),
won AS (
    SELECT pipeline, quantile_cont(CAST(closed_at AS DATE) - CAST(created_at AS DATE), 0.9) AS days
    FROM model.opportunities
    WHERE status = 'won'
        AND closed_at >= CAST(created_at AS DATE)
        AND closed_at >= CAST($today AS DATE) - 365
        AND closed_at < CAST($today AS DATE) + 1
    GROUP BY pipeline
    HAVING count(*) >= 10
),
risks AS (
    SELECT
        d.*,
        CASE WHEN d.expected_close_date < CAST($today AS DATE)
            THEN 'was expected to close on ' || d.expected_close_date END AS overdue,
        CASE WHEN CAST(d.last_change AS DATE) <= CAST($today AS DATE) - CAST($days AS INTEGER)
            THEN 'unchanged since ' || CAST(d.last_change AS DATE) END AS unchanged,
        'put off ' || CASE s.slips WHEN 1 THEN 'once' WHEN 2 THEN 'twice' ELSE s.slips || ' times' END AS put_off,
        CASE WHEN CAST($today AS DATE) - CAST(d.created_at AS DATE) > w.days
            THEN 'open since ' || CAST(d.created_at AS DATE) || ', and nine of ten won deals closed within '
                || CAST(ceil(w.days) AS BIGINT) || ' days' END AS unlike_won
    FROM deals d
    LEFT JOIN slips s USING (_instance, id)
    LEFT JOIN won w ON w.pipeline IS NOT DISTINCT FROM d.pipeline
)

SELECT
    title,
    organization_name AS organization,
    owner_name AS owner,
    stage,
    amount,
    currency,
    expected_close_date,
    CAST(overdue IS NOT NULL AS INTEGER) + CAST(unchanged IS NOT NULL AS INTEGER)
        + CAST(put_off IS NOT NULL AS INTEGER) + CAST(unlike_won IS NOT NULL AS INTEGER) AS reasons,
    concat_ws('; ', overdue, unchanged, put_off, unlike_won) AS why,
    id
FROM risks
WHERE reasons > 0
ORDER BY reasons DESC, amount DESC NULLS LAST, _instance, id
LIMIT CAST($limit AS BIGINT)
