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

-- What model.stage_visits says, for less.
WITH versions AS MATERIALIZED (
    SELECT
        _instance,
        id,
        coalesce(stage_id, pipeline || chr(31) || stage, stage) AS stage_key,
        hash(_instance, id, stage_key) AS hash,
        pipeline,
        stage,
        stage_order,
        created_at,
        valid_from,
        coalesce(valid_to, TIMESTAMP '9999-12-31') AS valid_to,
        -- A stay counts that ends with a version of this owner's, and not because the deal is deleted.
        CASE
            WHEN NOT is_deleted AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
                THEN coalesce(valid_to, TIMESTAMP '9999-12-31')
        END AS counts_until
    FROM model.opportunity_versions
    WHERE status = 'open' AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
),
-- Most stays are one version, which a hash that no other version has tells for less than grouping them.
repeated AS MATERIALIZED (
    SELECT hash FROM versions GROUP BY hash HAVING count(*) > 1
),
-- A deal's versions in a stage are one stay where they leave no gap: where they took as long as from the first to the last.
deals AS (
    SELECT
        _instance,
        id,
        stage_key,
        any_value(pipeline) AS pipeline,
        any_value(stage) AS stage,
        any_value(stage_order) AS stage_order,
        any_value(created_at) AS created_at,
        min(valid_from) AS entered_at,
        max(valid_to) AS left_at,
        max(counts_until) AS counts_until,
        epoch_us(left_at) - epoch_us(entered_at) = sum(epoch_us(valid_to) - epoch_us(valid_from)) AS is_one
    FROM versions
    SEMI JOIN repeated USING (hash)
    GROUP BY _instance, id, stage_key
),
-- Those that came back.
comebacks AS (
    SELECT
        *,
        count_if(valid_from IS DISTINCT FROM former_to)
            OVER (PARTITION BY _instance, id, stage_key ORDER BY valid_from) AS stay
    FROM (
        SELECT
            v.*,
            lag(v.valid_to) OVER (PARTITION BY v._instance, v.id, v.stage_key ORDER BY v.valid_from) AS former_to
        FROM versions v
        SEMI JOIN (FROM deals WHERE NOT is_one) d
            ON d._instance = v._instance AND d.id = v.id AND d.stage_key IS NOT DISTINCT FROM v.stage_key
    )
),
stays AS (
    SELECT
        _instance,
        pipeline,
        stage,
        stage_order,
        created_at,
        valid_from AS entered_at,
        valid_to AS left_at,
        counts_until
    FROM versions
    ANTI JOIN repeated USING (hash)
    UNION ALL
    SELECT _instance, pipeline, stage, stage_order, created_at, entered_at, left_at, counts_until
    FROM deals
    WHERE is_one
    UNION ALL
    SELECT
        _instance,
        any_value(pipeline),
        any_value(stage),
        any_value(stage_order),
        any_value(created_at),
        min(valid_from),
        max(valid_to),
        max(counts_until)
    FROM comebacks
    GROUP BY _instance, id, stage_key, stay
),
-- When runs saw something new, and when one did so the time before.
sightings AS (
    SELECT
        s._instance,
        s.seen_at,
        lag(s.seen_at) OVER (PARTITION BY s._instance ORDER BY s.seen_at) AS before,
        i.known_since,
        i.extracted_at
    FROM (SELECT DISTINCT _instance, _valid_from AS seen_at FROM history.opportunities) s
    JOIN model.instances i USING (_instance)
),
measured AS (
    SELECT
        s.pipeline,
        s.stage,
        s.stage_order,
        g.seen_at > g.known_since AS is_known,
        s.left_at = TIMESTAMP '9999-12-31' AS is_there,
        is_known AND NOT is_there AS is_counted,
        -- A deal created since the run before was in its stage before this run came by.
        epoch(CASE WHEN is_there THEN g.extracted_at ELSE s.left_at END)
            - epoch(CASE WHEN s.created_at > g.before THEN least(s.created_at, s.entered_at) ELSE s.entered_at END) AS seconds
    FROM stays s
    JOIN sightings g ON g._instance = s._instance AND g.seen_at = s.entered_at
    WHERE s.left_at >= CAST($since AS DATE) AND s.counts_until = s.left_at
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
