-- title: Pipeline by stage
-- question: How much is open in each stage, and what is it worth by its probability?
-- grain: one row a currency, pipeline and stage
-- param: owner text =, only this owner's deals (name or email)
-- param: pipeline text =, only this pipeline
-- definition: amount = sum over open opportunities that have an amount; with_amount = how many have one
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- unit: money = amount, weighted
-- unit: count = opportunities, with_amount
-- chart: bar stage amount, weighted

SELECT
    currency,
    pipeline,
    stage,
    count(*) AS opportunities,
    count(amount) AS with_amount,
    sum(amount) AS amount,
    CAST(round(sum(weighted_amount), 2) AS DECIMAL(38, 2)) AS weighted
FROM model.opportunities
WHERE status = 'open'
    AND coalesce(CAST($owner AS VARCHAR), '') IN ('', owner_name, owner_email)
    AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
GROUP BY currency, pipeline, stage
ORDER BY currency NULLS LAST, pipeline NULLS LAST, min(stage_order) NULLS LAST, stage NULLS LAST
