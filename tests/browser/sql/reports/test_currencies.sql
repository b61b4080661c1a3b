-- title: Several currencies and pipelines
-- question: Are amounts of different currencies kept apart?
-- grain: one row a currency, pipeline and stage
-- unit: money = amount, weighted
-- chart: bar stage amount, weighted

SELECT currency, pipeline, stage, CAST(100000 * n * p AS DECIMAL(18, 2)) AS amount, CAST(40000 * n * p AS DECIMAL(18, 2)) AS weighted
FROM (VALUES ('EUR', 1), ('USD', 2), (NULL, 3)) AS c(currency, n),
     (VALUES ('New business', 1), ('Renewals', 3)) AS l(pipeline, p),
     (VALUES ('Qualification'), ('Proposal'), ('Negotiation')) AS s(stage)
