-- title: Lead sources
-- question: Where do leads come from, and which sources convert?
-- grain: one row a source
-- param: since date = -365d, the first day of creation that counts
-- param: until date =, the last day of creation that counts; without it every later day does
-- note: a lead whose day of creation is not known counts in every span of time
-- definition: open = not decided yet; other = of a status that is none of open, converted and disqualified
-- definition: conversion = converted / all leads, those not decided yet included
-- definition: conversion_of_decided = converted / (converted + disqualified); null where nothing was decided
-- definition: median_days = from created_at to converted_at of those converted; one that was converted before it was created is
--   left out
-- unit: share = conversion, conversion_of_decided
-- unit: days = median_days
-- unit: count = leads, open, converted, disqualified, other
-- chart: bar source leads

SELECT
    source,
    count(*) AS leads,
    count(*) FILTER (status = 'open') AS open,
    count(*) FILTER (status = 'converted') AS converted,
    count(*) FILTER (status = 'disqualified') AS disqualified,
    count(*) FILTER (coalesce(status NOT IN ('open', 'converted', 'disqualified'), true)) AS other,
    round(converted / count(*), 4) AS conversion,
    round(converted / nullif(converted + disqualified, 0), 4) AS conversion_of_decided,
    round(
        median((epoch(converted_at) - epoch(created_at)) / 86400)
            FILTER (status = 'converted' AND converted_at >= created_at),
        1
    ) AS median_days
FROM model.leads
WHERE coalesce(created_at >= CAST($since AS DATE), true) AND coalesce(created_at < CAST($until AS DATE) + 1, true)
GROUP BY source
ORDER BY leads DESC, source NULLS LAST
