-- title: Duplicate contacts
-- question: Which contacts seem to be there more than once?
-- grain: one row a contact, in groups of those that seem to be the same person
-- param: limit integer from 1 = 50, how many groups at the most
-- definition: same e-mail = without regard to case and spaces
-- definition: same name and phone = first and last name without regard to case, accents and spaces, and the last eight
--   digits of the phone number, which must have five at the least
-- definition: group = contacts of an instance of which each is the same as another one of the group; the largest groups
--   first
-- definition: why = what some of the group have in common
-- unit: count = group_size
-- chart: none

WITH RECURSIVE contacts AS (
    SELECT
        _instance,
        id,
        replace(lower(email), ' ', '') AS email_key,
        replace(strip_accents(lower(concat(first_name, last_name))), ' ', '') AS name_key,
        right(regexp_replace(phone, '\D+', '', 'g'), 8) AS phone_key
    FROM model.contacts
),
keys AS (
    SELECT
        _instance,
        id,
        unnest([
            {'why': 'e-mail', 'key': email_key},
            {
                'why': 'name and phone',
                'key': CASE WHEN name_key <> '' AND length(phone_key) >= 5 THEN name_key || chr(31) || phone_key END
            }
        ], recursive := true)
    FROM contacts
),
-- Each contact, and the first one that is the same.
pairs AS (
    SELECT _instance, why, unnest(ids) AS id, list_min(ids) AS first_id
    FROM (
        SELECT _instance, why, list(id) AS ids
        FROM keys
        WHERE key <> ''
        GROUP BY _instance, why, key
        HAVING count(*) > 1
    )
),
edges AS (
    SELECT _instance, id AS near, first_id AS far FROM pairs
    UNION
    SELECT _instance, first_id, id FROM pairs
),
-- A group is known by its first contact; the knowledge spreads from each to those that are the same.
members(_instance, id, first_id) USING KEY (_instance, id) AS (
    SELECT DISTINCT _instance, near, near FROM edges
    UNION
    SELECT e._instance, e.far, min(m.first_id)
    FROM members m
    JOIN edges e ON e._instance = m._instance AND e.near = m.id
    JOIN recurring.members r ON r._instance = e._instance AND r.id = e.far
    WHERE m.first_id < r.first_id
    GROUP BY ALL
),
groups AS (
    SELECT
        m._instance,
        m.first_id,
        count(DISTINCT m.id) AS group_size,
        string_agg(DISTINCT p.why, ', ' ORDER BY p.why) AS why
    FROM members m
    JOIN pairs p USING (_instance, id)
    GROUP BY ALL
),
numbered AS (
    SELECT *, row_number() OVER (ORDER BY group_size DESC, _instance, first_id) AS group_number FROM groups
)

SELECT
    g.group_number,
    g.group_size,
    g.why,
    nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
    c.email,
    c.phone,
    c.organization_name AS organization,
    c.owner_name AS owner,
    CAST(c.created_at AS DATE) AS created,
    CAST(c.updated_at AS DATE) AS updated,
    c.id
FROM numbered g
JOIN members m USING (_instance, first_id)
JOIN model.contacts c ON c._instance = m._instance AND c.id = m.id
WHERE g.group_number <= CAST($limit AS BIGINT)
ORDER BY g.group_number, c.created_at NULLS FIRST, c.id
