-- title: Days in stage
-- question: How long do open deals stay in each stage, and how long have those been there that are in it now?
-- grain: one row a pipeline and stage
-- param: since date = -365d, stays that ended on this day or later count
-- param: owner text =, only deals of this owner (name or email) when they left the stage, or now
-- param: pipeline text =, only this pipeline
-- definition: stay = from when a deal was seen in the stage first (for a new deal: from when it was created) until it was seen in another one, won, lost or otherwise closed; one that comes back begins another stay
-- definition: stays = how many ended since then whose beginning is known; those under way when history begins, and those that ended because the deal was deleted, are left out
-- definition: median_days, p90_days, average_days = of these stays; nine of ten are not longer than p90_days
-- definition: there_now = open deals in the stage now; there_days = the median of how long they have been, at the data's last extraction, as far as that is known
-- unit: count = stays, there_now
-- unit: days = median_days, p90_days, average_days, there_days
-- chart: bar stage median_days, p90_days

-- What model.stage_visits says, for less: most versions are a stay of their own, and only the others are put together.
-- They are few, so each version is looked up among them: NOT IN sees to that, an anti join may do it the other way round.
WITH versions AS NOT MATERIALIZED (
    SELECT
        _instance,
        id,
        pipeline,
        stage,
        stage_order,
        coalesce(stage_id, stage) AS stage_key,
        created_at,
        valid_from,
        valid_to,
        is_deleted,
        owner_name,
        owner_email
    FROM model.opportunity_versions
    WHERE status = 'open'
),
-- Open deals that changed in something else, and stayed in their stage: the version after, and when the one before began.
joints AS (
    SELECT v.*, f.valid_from AS former_from
    FROM versions v
    JOIN versions f
        ON f._instance = v._instance AND f.id = v.id AND f.valid_to = v.valid_from
        AND f.stage_key IS NOT DISTINCT FROM v.stage_key
),
stays AS (
    SELECT v.*, v.valid_from AS entered_at
    FROM versions v
    WHERE (v.valid_to IS NULL OR v.valid_to >= CAST($since AS DATE))
        AND (v._instance, v.id, v.valid_from) NOT IN (SELECT (_instance, id, valid_from) FROM joints)
        AND (v._instance, v.id, coalesce(v.valid_to, TIMESTAMP '9999-12-31')) NOT IN (SELECT (_instance, id, valid_from) FROM joints)
    UNION ALL
    -- Several joints may be of one stay: it began where the version before the first did, and ended with the last.
    SELECT * EXCLUDE (former_from, is_first, is_last), last_value(CASE WHEN is_first THEN former_from END IGNORE NULLS) OVER deal
    FROM (
        SELECT *, former_from IS DISTINCT FROM lag(valid_from) OVER deal AS is_first, valid_to IS NULL OR valid_to IS DISTINCT FROM lead(valid_from) OVER deal AS is_last
        FROM joints
        WINDOW deal AS (PARTITION BY _instance, id ORDER BY valid_from)
    )
    WINDOW deal AS (PARTITION BY _instance, id ORDER BY valid_from)
    QUALIFY is_last AND (valid_to IS NULL OR valid_to >= CAST($since AS DATE))
),
-- When runs saw something new, and when the run before did.
sightings AS (
    SELECT s._instance, s.seen_at, lag(s.seen_at) OVER (PARTITION BY s._instance ORDER BY s.seen_at) AS before, i.known_since, i.extracted_at
    FROM (SELECT DISTINCT _instance, valid_from AS seen_at FROM model.opportunity_versions) s
    JOIN model.instances i USING (_instance)
),
measured AS (
    SELECT
        s.pipeline,
        s.stage,
        s.stage_order,
        g.seen_at > g.known_since AS is_known,
        s.valid_to IS NULL AS is_there,
        is_known AND NOT is_there AND NOT s.is_deleted AS is_counted,
        -- A deal created since the run before was in its stage before this run came by.
        epoch(coalesce(s.valid_to, g.extracted_at)) - epoch(CASE WHEN s.created_at > g.before THEN least(s.created_at, s.entered_at) ELSE s.entered_at END) AS seconds
    FROM stays s
    JOIN sightings g ON g._instance = s._instance AND g.seen_at = s.entered_at
    WHERE coalesce(CAST($owner AS VARCHAR), '') IN ('', s.owner_name, s.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', s.pipeline)
),
sums AS (
    SELECT
        pipeline,
        stage,
        min(stage_order) AS stage_order,
        count(*) FILTER (is_counted) AS stays,
        median(seconds / 86400) FILTER (is_counted) AS median,
        quantile_disc(seconds / 86400, 0.9) FILTER (is_counted) AS ninth_of_ten,
        avg(seconds / 86400) FILTER (is_counted) AS average,
        count(*) FILTER (is_there) AS there_now,
        median(seconds / 86400) FILTER (is_there AND is_known) AS there_days
    FROM measured
    WHERE is_counted OR is_there
    GROUP BY pipeline, stage
)

SELECT
    pipeline,
    stage,
    stays,
    round(median, 1) AS median_days,
    round(ninth_of_ten, 1) AS p90_days,
    round(average, 1) AS average_days,
    there_now,
    round(there_days, 1) AS there_days
FROM sums
ORDER BY pipeline NULLS LAST, stage_order NULLS LAST, stage NULLS LAST
