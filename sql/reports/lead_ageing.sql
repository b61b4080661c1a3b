-- title: Lead ageing
-- question: How long have the open leads been waiting?
-- grain: one row a band of ages, bands without any lead among them; the band is null where the day of creation is not known
-- param: bands list = "7,14,30,60,90", the ages in days at which a new band begins
-- param: today date = today, the day that ages are counted to
-- param: since date =, the first day of creation that counts; without it every earlier day does
-- definition: age = days from the day of creation to today; a lead created later has the age 0
-- definition: share = leads / all open leads
-- unit: share = share
-- unit: days = oldest_days
-- unit: count = leads
-- chart: column band leads

WITH given AS (
    SELECT unnest(CAST($bands AS VARCHAR[])) AS bound
),
bounds AS (
    SELECT 0 AS bound
    UNION
    SELECT
        CASE
            WHEN regexp_full_match(bound, '[1-9][0-9]{0,5}') THEN CAST(bound AS INTEGER)
            ELSE error('bands: "' || bound || '" is not a number of days such as 30')
        END
    FROM given
),
-- The last band has no end.
bands AS (
    SELECT bound AS band_from, lead(bound) OVER (ORDER BY bound) AS band_to
    FROM bounds
),
waiting AS (
    SELECT id, CASE WHEN created_at IS NOT NULL THEN greatest(CAST($today AS DATE) - CAST(created_at AS DATE), 0) END AS days
    FROM model.leads
    WHERE status = 'open' AND coalesce(created_at >= CAST($since AS DATE), true)
),
banded AS (
    SELECT
        b.band_from,
        CASE
            WHEN b.band_to IS NULL THEN b.band_from || ' and more'
            WHEN b.band_to = b.band_from + 1 THEN CAST(b.band_from AS VARCHAR)
            ELSE b.band_from || ' to ' || (b.band_to - 1)
        END AS band,
        w.id,
        w.days
    FROM bands b
    LEFT JOIN waiting w ON w.days >= b.band_from AND w.days < coalesce(b.band_to, 10000000)
    UNION ALL
    SELECT NULL, NULL, id, NULL FROM waiting WHERE days IS NULL
)

SELECT
    band,
    count(id) AS leads,
    round(leads / nullif(sum(leads) OVER (), 0), 4) AS share,
    max(days) AS oldest_days
FROM banded
GROUP BY band_from, band
ORDER BY band_from NULLS LAST
