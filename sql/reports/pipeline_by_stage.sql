-- title: Pipeline by stage
-- question: How much is open in each stage, and what is it worth by its probability?
-- grain: one row a currency, pipeline and stage
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- chart: bar stage amount

SELECT
    currency,
    pipeline,
    stage,
    count(*) AS opportunities,
    count(amount) AS with_amount,
    sum(amount) AS amount,
    CAST(round(sum(amount * probability / 100), 2) AS DECIMAL(38, 2)) AS weighted
FROM model.opportunities
WHERE status = 'open'
GROUP BY currency, pipeline, stage, stage_order
ORDER BY currency NULLS LAST, pipeline NULLS LAST, stage_order NULLS LAST, stage
