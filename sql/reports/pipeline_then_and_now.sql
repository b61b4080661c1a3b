-- title: Pipeline then and now
-- question: How does the open pipeline differ from what it was on a day?
-- grain: one row a currency, pipeline and stage
-- param: then date = -30d, the day at whose end the pipeline is looked at
-- param: owner text =, only this owner's deals (name or email), by who owned them then and now
-- param: pipeline text =, only this pipeline
-- definition: _then, _now = of the opportunities that were open in that stage at the end of the day, and are open in it now
-- definition: amount_change = amount_now - amount_then
-- definition: weighted = sum of amount x probability / 100, with the amount and probability of then and now
-- definition: note = why there is no figure of then: history begins later, and an empty figure is not zero
-- unit: money = amount_then, amount_now, amount_change, weighted_then, weighted_now
-- unit: count = opportunities_then, opportunities_now
-- chart: bar stage amount_then, amount_now

WITH versions AS (
    SELECT
        v.currency,
        v.pipeline,
        v.stage,
        v.stage_order,
        v.amount,
        v.weighted_amount,
        v.valid_from < CAST($then AS DATE) + 1 AND (v.valid_to IS NULL OR v.valid_to >= CAST($then AS DATE) + 1) AS is_then,
        v.valid_to IS NULL AS is_now,
        CASE WHEN i.known_since >= CAST($then AS DATE) + 1 THEN i.known_since END AS unknown_until
    FROM model.opportunity_versions v
    LEFT JOIN model.instances i USING (_instance)
    WHERE v.status = 'open'
        AND (is_then OR is_now)
        AND coalesce(CAST($owner AS VARCHAR), '') IN ('', v.owner_name, v.owner_email)
        AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', v.pipeline)
),
sums AS (
    SELECT
        currency,
        pipeline,
        stage,
        min(stage_order) AS stage_order,
        max(unknown_until) AS unknown_until,
        count(*) FILTER (is_then) AS opportunities_then,
        count(*) FILTER (is_now) AS opportunities_now,
        coalesce(sum(amount) FILTER (is_then), 0) AS amount_then,
        coalesce(sum(amount) FILTER (is_now), 0) AS amount_now,
        coalesce(sum(weighted_amount) FILTER (is_then), 0) AS weighted_then,
        coalesce(sum(weighted_amount) FILTER (is_now), 0) AS weighted_now
    FROM versions
    GROUP BY currency, pipeline, stage
)

SELECT
    currency,
    pipeline,
    stage,
    CASE WHEN unknown_until IS NULL THEN opportunities_then END AS opportunities_then,
    opportunities_now,
    CASE WHEN unknown_until IS NULL THEN amount_then END AS amount_then,
    amount_now,
    CASE WHEN unknown_until IS NULL THEN amount_now - amount_then END AS amount_change,
    CASE WHEN unknown_until IS NULL THEN CAST(round(weighted_then, 2) AS DECIMAL(38, 2)) END AS weighted_then,
    CAST(round(weighted_now, 2) AS DECIMAL(38, 2)) AS weighted_now,
    'history begins ' || strftime(unknown_until, '%Y-%m-%d %H:%M') AS note
FROM sums
ORDER BY currency NULLS LAST, pipeline NULLS LAST, stage_order NULLS LAST, stage NULLS LAST
