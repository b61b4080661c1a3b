-- title: Stage visits
-- grain: one row a stay of an open opportunity in a stage
-- definition: entered_at = when crmlake saw it there first; for a new opportunity, when it was created
-- definition: is_start_known = false where it was there already when history begins
-- definition: days = from entered_at to left_at or, where it still is there, to the data's last extraction

WITH versions AS (
    SELECT
        _instance,
        id,
        pipeline,
        stage,
        stage_id,
        stage_order,
        status,
        created_at,
        valid_from,
        coalesce(stage_id, pipeline || chr(31) || stage, stage) AS stage_key,
        row_number() OVER versions = 1 AS is_first,
        coalesce(lag(status = 'open') OVER versions, false) AS was_open,
        lag(stage_key) OVER versions AS previous_key,
        lag(valid_to) OVER versions AS previous_end,
        last_value(valid_to) OVER (versions ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_end
    FROM model.opportunity_versions
    WINDOW versions AS (PARTITION BY _instance, id ORDER BY valid_from)
),
-- Where a deal opens, closes, changes its stage, or comes back after it was deleted.
turns AS (
    SELECT *
    FROM versions
    WHERE is_first
        OR coalesce(status = 'open', false) <> was_open
        OR stage_key IS DISTINCT FROM previous_key
        OR valid_from <> previous_end
),
visits AS (
    SELECT
        *,
        lead(previous_end) OVER turns AS next_end,
        lead(valid_from) OVER turns AS next_from,
        lead(status) OVER turns AS next_status,
        lead(stage) OVER turns AS next_stage,
        lead(id) OVER turns IS NOT NULL AS has_next
    FROM turns
    WINDOW turns AS (PARTITION BY _instance, id ORDER BY valid_from)
)

SELECT
    v._instance,
    v.id AS opportunity_id,
    row_number() OVER (PARTITION BY v._instance, v.id ORDER BY v.valid_from) AS visit,
    v.pipeline,
    v.stage,
    v.stage_id,
    v.stage_order,
    -- A new deal was in its stage before crmlake came by.
    CASE
        WHEN v.is_first AND v.created_at >= i.known_since AND v.created_at < v.valid_from THEN v.created_at
        ELSE v.valid_from
    END AS entered_at,
    CASE WHEN v.has_next THEN v.next_end ELSE v.last_end END AS left_at,
    round((epoch(coalesce(left_at, i.extracted_at)) - epoch(entered_at)) / 86400, 2) AS days,
    NOT v.is_first OR v.valid_from > i.known_since AS is_start_known,
    CASE
        WHEN v.has_next AND v.next_from <> v.next_end THEN 'deleted'
        WHEN v.has_next AND v.next_status = 'open' THEN 'moved'
        WHEN v.has_next AND v.next_status IN ('won', 'lost') THEN v.next_status
        WHEN v.has_next THEN 'closed'
        WHEN v.last_end IS NOT NULL THEN 'deleted'
    END AS ended_by,
    CASE WHEN v.has_next AND v.next_from = v.next_end THEN v.next_stage END AS next_stage
FROM visits v
LEFT JOIN model.instances i USING (_instance)
WHERE v.status = 'open'
