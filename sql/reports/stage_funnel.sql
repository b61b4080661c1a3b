-- title: Stage funnel
-- question: How far do deals come, and at which stage do they stay behind?
-- grain: one row a CRM instance, pipeline and stage, and one for won
-- param: since date = -365d, the first day of creation that counts
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- definition: opportunities = deals of the pipeline, created since then, that reached the stage: the furthest in which history saw them open, or in which they are now, is it or a later one
-- definition: skipped stages = a deal that went past a stage reached it; a won deal reached all; every deal reached the first; deleted deals are left out
-- definition: step_conversion = opportunities / opportunities of the stage before
-- definition: conversion = opportunities / opportunities of the first stage
-- unit: count = opportunities
-- unit: share = step_conversion, conversion
-- chart: funnel stage opportunities

-- A pipeline that a deal has by its name alone.
WITH named AS (
    SELECT _instance, name, any_value(id) AS pipeline_id
    FROM model.pipelines
    GROUP BY _instance, name
    HAVING count(*) = 1
),
deals AS (
    SELECT
        o._instance,
        o.id,
        coalesce(o.pipeline_id, n.pipeline_id, o.pipeline) AS pipeline_key,
        o.pipeline,
        o.stage,
        o.stage_order,
        o.status
    FROM model.opportunities o
    LEFT JOIN named n ON n._instance = o._instance AND n.name = CASE WHEN o.pipeline_id IS NULL THEN o.pipeline END
    WHERE created_at >= CAST($since AS DATE)
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
),
-- The CRM's stages or, where it tells none, those that deals stand in.
stages AS (
    SELECT _instance, coalesce(pipeline_id, pipeline) AS pipeline_key, stage_order, name AS stage, probability FROM model.stages
    UNION
    SELECT d._instance, d.pipeline_key, d.stage_order, d.stage, NULL
    FROM deals d
    ANTI JOIN model.stages s
        ON s._instance = d._instance AND coalesce(s.pipeline_id, s.pipeline) = d.pipeline_key AND s.stage_order = d.stage_order
),
-- Some CRMs have a stage for what is lost, without a chance: no deal goes through it.
marked AS (
    SELECT
        *,
        probability IS DISTINCT FROM 0 OR stage_order = min(stage_order) OVER (PARTITION BY _instance, pipeline_key) AS is_way
    FROM stages
    WHERE stage_order IS NOT NULL
),
ways AS (
    FROM marked WHERE is_way
),
-- Where deals stood before. Another pipeline's stages say nothing of this one's.
former AS (
    SELECT f._instance, f.id, f.pipeline_key, max(f.stage_order) AS stage_order
    FROM (
        SELECT v._instance, v.id, coalesce(v.pipeline_id, n.pipeline_id, v.pipeline) AS pipeline_key, v.stage_order
        FROM model.opportunity_versions v
        LEFT JOIN named n ON n._instance = v._instance AND n.name = CASE WHEN v.pipeline_id IS NULL THEN v.pipeline END
        WHERE v.valid_to IS NOT NULL AND v.status = 'open' AND v.created_at >= CAST($since AS DATE)
    ) f
    ANTI JOIN (FROM marked WHERE NOT is_way) m
        ON m._instance = f._instance AND m.pipeline_key = f.pipeline_key AND m.stage_order = f.stage_order
    GROUP BY f._instance, f.id, f.pipeline_key
),
furthest AS (
    SELECT
        d._instance,
        d.pipeline_key,
        d.pipeline,
        d.status IS NOT DISTINCT FROM 'won' AS is_won,
        greatest(w.stage_order, f.stage_order) AS stage_order,
        count(*) AS opportunities
    FROM deals d
    LEFT JOIN former f
        ON f._instance = d._instance AND f.id = d.id AND f.pipeline_key IS NOT DISTINCT FROM d.pipeline_key
    LEFT JOIN (SELECT DISTINCT _instance, pipeline_key, stage_order FROM ways) w
        ON w._instance = d._instance AND w.pipeline_key IS NOT DISTINCT FROM d.pipeline_key AND w.stage_order = d.stage_order
    GROUP BY ALL
),
pipelines AS (
    SELECT _instance, pipeline_key, max(pipeline) AS pipeline FROM furthest GROUP BY _instance, pipeline_key
),
rows AS (
    SELECT p.*, w.stage_order, w.stage, false AS is_won
    FROM pipelines p
    JOIN ways w ON w._instance = p._instance AND w.pipeline_key IS NOT DISTINCT FROM p.pipeline_key
    UNION ALL
    SELECT *, NULL, 'won', true FROM pipelines
    UNION ALL
    -- Where no stage has a number, there is all, and won.
    SELECT p.*, NULL, NULL, false
    FROM pipelines p
    ANTI JOIN ways w ON w._instance = p._instance AND w.pipeline_key IS NOT DISTINCT FROM p.pipeline_key
),
counts AS (
    SELECT
        r.*,
        coalesce(sum(f.opportunities) FILTER (
            f.is_won OR NOT r.is_won AND (r.is_first OR f.stage_order >= r.stage_order)
        ), 0) AS opportunities
    FROM (SELECT *, rank() OVER (PARTITION BY _instance, pipeline_key ORDER BY is_won, stage_order) = 1 AS is_first FROM rows) r
    JOIN furthest f ON f._instance = r._instance AND f.pipeline_key IS NOT DISTINCT FROM r.pipeline_key
    GROUP BY ALL
)

SELECT
    _instance AS instance,
    pipeline,
    stage,
    CAST(opportunities AS BIGINT) AS opportunities,
    round(opportunities / nullif(lag(opportunities) OVER way, 0), 4) AS step_conversion,
    round(opportunities / first_value(opportunities) OVER way, 4) AS conversion
FROM counts
WINDOW way AS (PARTITION BY _instance, pipeline_key ORDER BY is_won, stage_order, stage)
ORDER BY instance, pipeline NULLS LAST, pipeline_key NULLS LAST, is_won, stage_order, stage
