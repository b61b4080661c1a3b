-- title: Inactive contacts
-- question: Which contacts has nobody dealt with for a long time?
-- grain: one row a contact
-- param: days integer from 1 = 90, how many days without activity are too many
-- param: today date = today, the day that days are counted to
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: last_activity = the day of the latest of the contact's own last activity, the creation and last update of its
--   opportunities, and the creation and last update of leads with its e-mail address, without regard to case
-- definition: days = from the day of the last activity to today; null where there never was any
-- definition: inactive = days of that many or more, or never any activity; a contact without any that was created fewer days
--   ago is not
-- unit: days = days
-- unit: count = opportunities
-- chart: none

-- A number is cheaper to join and to group by than an id.
WITH candidates AS MATERIALIZED (
    SELECT _instance, id, nullif(lower(email), '') AS email, created_at, last_activity_at, row_number() OVER () AS number
    FROM model.contacts
    WHERE coalesce(CAST(last_activity_at AS DATE) <= CAST($today AS DATE) - CAST($days AS INTEGER), true)
),
moments AS (
    SELECT c.number, greatest(o.created_at, o.updated_at) AS moment
    FROM candidates c
    JOIN model.opportunities o ON o._instance = c._instance AND o.contact_id = c.id
    UNION ALL
    SELECT c.number, greatest(o.created_at, o.updated_at)
    FROM candidates c
    JOIN model.opportunity_contacts p ON p._instance = c._instance AND p.contact_id = c.id AND NOT p.is_main
    JOIN model.opportunities o ON o._instance = p._instance AND o.id = p.opportunity_id
    UNION ALL
    SELECT c.number, greatest(l.created_at, l.updated_at)
    FROM candidates c
    JOIN model.leads l ON l._instance = c._instance AND lower(l.contact_email) = c.email
),
latest AS (
    SELECT number, max(moment) AS moment FROM moments GROUP BY number
),
inactive AS (
    SELECT c._instance, c.id, CAST(greatest(c.last_activity_at, l.moment) AS DATE) AS last_activity
    FROM candidates c
    LEFT JOIN latest l USING (number)
    WHERE coalesce(
        coalesce(last_activity, CAST(c.created_at AS DATE)) <= CAST($today AS DATE) - CAST($days AS INTEGER),
        true
    )
    ORDER BY last_activity NULLS FIRST, c.created_at NULLS FIRST, c._instance, c.id
    LIMIT CAST($limit AS BIGINT)
),
deals AS (
    SELECT i._instance, i.id, count(DISTINCT p.opportunity_id) AS opportunities
    FROM inactive i
    JOIN model.opportunity_contacts p ON p._instance = i._instance AND p.contact_id = i.id
    GROUP BY ALL
)

SELECT
    nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
    c.job_title,
    c.organization_name AS organization,
    c.owner_name AS owner,
    CAST(c.created_at AS DATE) AS created,
    i.last_activity,
    CAST($today AS DATE) - i.last_activity AS days,
    coalesce(d.opportunities, 0) AS opportunities,
    c.id
FROM inactive i
JOIN model.contacts c USING (_instance, id)
LEFT JOIN deals d USING (_instance, id)
ORDER BY i.last_activity NULLS FIRST, c.created_at NULLS FIRST, c._instance, c.id
