-- title: Lead to opportunity
-- question: How long does it take from the creation of a lead to its opportunity?
-- grain: one row a source of leads
-- param: since date = -365d, the first day of the lead's creation that counts
-- param: until date =, the last day of the lead's creation that counts; without it every later day does
-- definition: a lead's opportunity = the one that the lead names or, where it names none that there is, the first one that names
--   the lead
-- definition: days = from the lead's created_at to the opportunity's
-- definition: measured = leads whose opportunity was created after them or with them: what median_days, p90_days (nine of ten
--   took no longer) and average_days are of
-- definition: opportunity_before_lead = leads whose opportunity was there before them: not measured
-- definition: undated = leads or opportunities without a day of creation: not measured, and in every span of time where it is
--   the lead's that is missing
-- definition: without_opportunity = converted leads whose opportunity is not known or is gone
-- unit: days = median_days, p90_days, average_days
-- unit: count = leads, measured, opportunity_before_lead, undated, without_opportunity
-- chart: bar source median_days

WITH leads AS (
    SELECT _instance, id, source, status, opportunity_id, created_at
    FROM model.leads
    WHERE coalesce(created_at >= CAST($since AS DATE), true) AND coalesce(created_at < CAST($until AS DATE) + 1, true)
),
naming_lead AS (
    SELECT _instance, lead_id, min(created_at) AS opened_at
    FROM model.opportunities
    WHERE lead_id IS NOT NULL
    GROUP BY _instance, lead_id
),
paired AS (
    SELECT
        l.source,
        l.status,
        o.id IS NOT NULL OR n.lead_id IS NOT NULL AS has_opportunity,
        l.created_at,
        CASE WHEN o.id IS NOT NULL THEN o.created_at ELSE n.opened_at END AS opened_at
    FROM leads l
    LEFT JOIN model.opportunities o ON o._instance = l._instance AND o.id = l.opportunity_id
    LEFT JOIN naming_lead n ON n._instance = l._instance AND n.lead_id = l.id
),
timed AS (
    SELECT *, CASE WHEN opened_at >= created_at THEN (epoch(opened_at) - epoch(created_at)) / 86400 END AS days
    FROM paired
)

SELECT
    source,
    count(*) AS leads,
    count(days) AS measured,
    round(median(days), 1) AS median_days,
    round(quantile_disc(days, 0.9), 1) AS p90_days,
    round(avg(days), 1) AS average_days,
    count(*) FILTER (opened_at < created_at) AS opportunity_before_lead,
    count(*) FILTER (has_opportunity AND (opened_at IS NULL OR created_at IS NULL)) AS undated,
    count(*) FILTER (status = 'converted' AND NOT has_opportunity) AS without_opportunity
FROM timed
GROUP BY source
ORDER BY leads DESC, source NULLS LAST
