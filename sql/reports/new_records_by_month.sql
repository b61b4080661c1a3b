-- title: New records by month
-- question: How many leads, opportunities, organizations and contacts are new in each month?
-- grain: one row a month, months without any among them
-- param: since date = -11mo, a day of the first month, which counts from its first day
-- param: today date = today, the last day that counts
-- definition: new = created in the month; records as they are now, so that one deleted since is not among them, nor is one
--   that has no date of creation
-- unit: count = leads, opportunities, organizations, contacts
-- chart: line month leads, opportunities, organizations, contacts

WITH months AS (
    SELECT CAST(unnest(generate_series(
        CAST(date_trunc('month', CAST($since AS DATE)) AS TIMESTAMP),
        CAST(CAST($today AS DATE) AS TIMESTAMP),
        INTERVAL 1 MONTH
    )) AS DATE) AS month
),
created AS (
    SELECT 'leads' AS kind, created_at FROM model.leads
    UNION ALL
    SELECT 'opportunities', created_at FROM model.opportunities
    UNION ALL
    SELECT 'organizations', created_at FROM model.organizations
    UNION ALL
    SELECT 'contacts', created_at FROM model.contacts
),
counted AS (
    SELECT
        CAST(date_trunc('month', created_at) AS DATE) AS month,
        count(*) FILTER (kind = 'leads') AS leads,
        count(*) FILTER (kind = 'opportunities') AS opportunities,
        count(*) FILTER (kind = 'organizations') AS organizations,
        count(*) FILTER (kind = 'contacts') AS contacts
    FROM created
    WHERE created_at >= date_trunc('month', CAST($since AS DATE)) AND created_at < CAST($today AS DATE) + 1
    GROUP BY ALL
)

SELECT
    month,
    coalesce(leads, 0) AS leads,
    coalesce(opportunities, 0) AS opportunities,
    coalesce(organizations, 0) AS organizations,
    coalesce(contacts, 0) AS contacts
FROM months
LEFT JOIN counted USING (month)
ORDER BY month
