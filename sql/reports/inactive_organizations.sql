-- title: Inactive organizations
-- question: Which organizations has nobody dealt with for a long time?
-- grain: one row an organization
-- param: days integer from 1 = 90, how many days without activity are too many
-- param: today date = today, the day that days are counted to
-- param: limit integer from 1 = 50, how many rows at the most
-- definition: last_activity = the day of the latest of the organization's own last activity, that of its contacts, and the
--   creation and last update of its opportunities and leads
-- definition: days = from the day of the last activity to today; null where there never was any
-- definition: inactive = days of that many or more, or never any activity; one without any that was created fewer days ago
--   is not
-- unit: days = days
-- unit: count = contacts, opportunities, leads
-- chart: none

WITH moments AS (
    SELECT _instance, id, last_activity_at AS moment, NULL AS kind FROM model.organizations
    UNION ALL
    SELECT _instance, organization_id, last_activity_at, 'contact' FROM model.contacts
    UNION ALL
    SELECT _instance, organization_id, greatest(created_at, updated_at), 'opportunity' FROM model.opportunities
    UNION ALL
    SELECT _instance, organization_id, greatest(created_at, updated_at), 'lead' FROM model.leads
),
activity AS (
    SELECT
        _instance,
        id,
        CAST(max(moment) AS DATE) AS last_activity,
        count(*) FILTER (kind = 'contact') AS contacts,
        count(*) FILTER (kind = 'opportunity') AS opportunities,
        count(*) FILTER (kind = 'lead') AS leads
    FROM moments
    WHERE id IS NOT NULL
    GROUP BY _instance, id
)

SELECT
    o.name AS organization,
    o.segment,
    o.owner_name AS owner,
    CAST(o.created_at AS DATE) AS created,
    a.last_activity,
    CAST($today AS DATE) - a.last_activity AS days,
    a.contacts,
    a.opportunities,
    a.leads,
    o.id
FROM model.organizations o
JOIN activity a USING (_instance, id)
WHERE coalesce(
    coalesce(a.last_activity, CAST(o.created_at AS DATE)) <= CAST($today AS DATE) - CAST($days AS INTEGER),
    true
)
ORDER BY a.last_activity NULLS FIRST, o.created_at NULLS FIRST, o._instance, o.id
LIMIT CAST($limit AS BIGINT)
