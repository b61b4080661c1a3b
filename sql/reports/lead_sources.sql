-- title: Lead sources
-- question: Where do leads come from, and which sources convert?
-- grain: one row a source
-- param: since date = -365d, the first day of creation that counts
-- definition: conversion = converted / all leads of the source, those not decided yet included
-- chart: bar source leads

SELECT
    source,
    count(*) AS leads,
    count(*) FILTER (status = 'open') AS open,
    count(*) FILTER (status = 'converted') AS converted,
    count(*) FILTER (status = 'disqualified') AS disqualified,
    round(count(*) FILTER (status = 'converted') / count(*), 3) AS conversion
FROM model.leads
WHERE created_at >= CAST($since AS DATE)
GROUP BY source
ORDER BY leads DESC, source NULLS LAST
