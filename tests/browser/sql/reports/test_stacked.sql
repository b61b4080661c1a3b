-- title: Stacks
-- question: Are parts stacked, and names that do not fit below a column laid beside it?
-- grain: one row a size band and outcome
-- unit: count = deals
-- chart: stacked size_band deals by outcome

SELECT size_band, outcome, n * length(outcome) AS deals
FROM (VALUES ('under 1 000', 3), ('from 1 000 to under 10 000', 5), ('from 10 000 to under 100 000', 8), ('100 000 and more', 2), (NULL, 1)) AS b(size_band, n),
     (VALUES ('won'), ('lost'), ('still open')) AS o(outcome)
