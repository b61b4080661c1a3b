-- title: Slipped deals
-- question: Which deals were put off, how often, and by how much?
-- grain: one row a deal whose expected close date was moved to a later day, the longest put off first
-- param: since date = -90d, slips seen on this day or later count
-- param: status one of open|all = open, whether deals closed since are listed too
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: slip = a deal that was open, and still is, was seen with a later expected close date; a date moved to an earlier day is none
-- definition: expected_first = the date before the first slip counted; expected_now = the date now
-- definition: days_slipped = the days of all slips counted; days_in_total = expected_now - expected_first, earlier days and all
-- definition: counted_since = the day asked for or, where history begins later, the day that it begins
-- unit: money = amount
-- unit: count = slips
-- unit: days = days_slipped, days_in_total
-- chart: none

WITH slips AS (
    SELECT
        v._instance,
        v.id,
        count(*) AS slips,
        arg_min(f.expected_close_date, v.valid_from) AS expected_first,
        sum(v.expected_close_date - f.expected_close_date) AS days_slipped,
        max(v.valid_from) AS last_slip
    FROM model.opportunity_versions v
    -- The version before ended when this one began.
    JOIN model.opportunity_versions f
        ON f._instance = v._instance AND f.id = v.id AND f.valid_to = v.valid_from
    WHERE v.valid_from >= CAST($since AS DATE)
        AND v.status = 'open'
        AND f.status = 'open'
        AND f.valid_to >= CAST($since AS DATE)
        AND v.expected_close_date > f.expected_close_date
    GROUP BY v._instance, v.id
)

SELECT
    o.title,
    o.organization_name AS organization,
    o.owner_name AS owner,
    o.status,
    o.stage,
    o.amount,
    o.currency,
    s.slips,
    s.expected_first,
    o.expected_close_date AS expected_now,
    CAST(s.days_slipped AS BIGINT) AS days_slipped,
    o.expected_close_date - s.expected_first AS days_in_total,
    CAST(s.last_slip AS DATE) AS last_slip,
    CAST(greatest(CAST($since AS DATE), i.known_since) AS DATE) AS counted_since,
    o.id
FROM slips s
JOIN model.opportunities o USING (_instance, id)
LEFT JOIN model.instances i USING (_instance)
WHERE (CAST($status AS VARCHAR) = 'all' OR o.status = 'open')
    AND coalesce(CAST($owner AS VARCHAR), '') IN ('', o.owner_name, o.owner_email)
    AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', o.pipeline)
ORDER BY s.days_slipped DESC, o.amount DESC NULLS LAST, _instance, o.id
LIMIT CAST($limit AS BIGINT)
