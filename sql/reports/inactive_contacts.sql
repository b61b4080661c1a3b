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

WITH candidates AS (
    SELECT *
    FROM model.contacts
    WHERE coalesce(CAST(last_activity_at AS DATE) <= CAST($today AS DATE) - CAST($days AS INTEGER), true)
),
moments AS (
    SELECT _instance, id, last_activity_at AS moment, false AS is_deal FROM candidates
    UNION ALL
    SELECT c._instance, c.id, greatest(o.created_at, o.updated_at), true
    FROM candidates c
    JOIN model.opportunity_contacts p ON p._instance = c._instance AND p.contact_id = c.id
    JOIN model.opportunities o ON o._instance = p._instance AND o.id = p.opportunity_id
    UNION ALL
    SELECT c._instance, c.id, greatest(l.created_at, l.updated_at), false
    FROM candidates c
    JOIN model.leads l ON l._instance = c._instance AND lower(l.contact_email) = lower(c.email)
),
activity AS (
    SELECT _instance, id, CAST(max(moment) AS DATE) AS last_activity, count(*) FILTER (is_deal) AS opportunities
    FROM moments
    GROUP BY _instance, id
)

SELECT
    nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
    c.job_title,
    c.organization_name AS organization,
    c.owner_name AS owner,
    CAST(c.created_at AS DATE) AS created,
    a.last_activity,
    CAST($today AS DATE) - a.last_activity AS days,
    a.opportunities,
    c.id
FROM candidates c
JOIN activity a USING (_instance, id)
WHERE coalesce(
    coalesce(a.last_activity, CAST(c.created_at AS DATE)) <= CAST($today AS DATE) - CAST($days AS INTEGER),
    true
)
ORDER BY a.last_activity NULLS FIRST, c.created_at NULLS FIRST, c._instance, c.id
LIMIT CAST($limit AS BIGINT)
