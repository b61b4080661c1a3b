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
        -- Each by itself: names repeat, and DuckDB looks at each different one once.
        replace(concat(strip_accents(lower(first_name)), strip_accents(lower(last_name))), ' ', '') AS name_key,
        -- Mostly the last eight characters are the last eight digits.
        CASE
            WHEN regexp_full_match(right(phone, 8), '\d+') THEN right(phone, 8)
            ELSE right(regexp_replace(phone, '\D+', '', 'g'), 8)
        END AS phone_key
    FROM model.contacts
),
keys AS (
    SELECT _instance, id, 'e-mail' AS why, replace(lower(email), ' ', '') AS key
    FROM model.contacts
    UNION ALL
    SELECT
        _instance,
        id,
        'name and phone',
        CASE WHEN name_key <> '' AND length(phone_key) >= 5 THEN name_key || chr(31) || phone_key END
    FROM contacts
),
hashed AS MATERIALIZED (
    SELECT *, hash(_instance, why, key) AS hash FROM keys
),
-- Most keys are had by one contact only, which their hashes tell for less than the keys.
repeated AS MATERIALIZED (
    SELECT _instance, id, why, key
    FROM hashed
    SEMI JOIN (SELECT hash FROM hashed GROUP BY hash HAVING count(*) > 1) USING (hash)
    WHERE key <> ''
),
-- A number is cheaper to join and to group by than an id.
numbers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY _instance, id) AS number FROM (SELECT DISTINCT _instance, id FROM repeated)
),
-- Each contact with a key that others have, too, and the first one with that key.
shared AS MATERIALIZED (
    SELECT why, unnest(numbers) AS number, list_min(numbers) AS first_number
    FROM (
        SELECT r.why, list(n.number) AS numbers
        FROM repeated r
        JOIN numbers n USING (_instance, id)
        GROUP BY _instance, r.why, r.key
        HAVING count(*) > 1
    )
),
firsts AS MATERIALIZED (
    SELECT number, min(first_number) AS first_number FROM shared GROUP BY number
),
-- Where contacts with a key in common have different first ones, these are the same, too.
links AS MATERIALIZED (
    SELECT DISTINCT f.first_number AS near, min(f.first_number) OVER (PARTITION BY s.why, s.first_number) AS far
    FROM shared s
    JOIN firsts f USING (number)
    QUALIFY near <> far
),
both_ways AS MATERIALIZED (
    SELECT near, far FROM links
    UNION
    SELECT far, near FROM links
),
-- A group is known by its first contact; the knowledge spreads from each to those that are the same.
spread(number, first_number) USING KEY (number) AS (
    SELECT DISTINCT near, near FROM both_ways
    UNION
    SELECT b.far, min(s.first_number)
    FROM spread s
    JOIN both_ways b ON b.near = s.number
    JOIN recurring.spread r ON r.number = b.far
    WHERE s.first_number < r.first_number
    GROUP BY b.far
),
members AS MATERIALIZED (
    SELECT f.number, coalesce(s.first_number, f.first_number) AS first_number
    FROM firsts f
    LEFT JOIN spread s ON s.number = f.first_number
),
groups AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY group_size DESC, first_number) AS group_number
    FROM (SELECT first_number, count(*) AS group_size FROM members GROUP BY first_number)
    QUALIFY group_number <= CAST($limit AS BIGINT)
),
chosen AS MATERIALIZED (
    SELECT g.group_number, g.group_size, n.number, n._instance, n.id
    FROM groups g
    JOIN members m USING (first_number)
    JOIN numbers n USING (number)
),
reasons AS (
    SELECT c.group_number, string_agg(DISTINCT s.why, ', ' ORDER BY s.why) AS why
    FROM chosen c
    JOIN shared s USING (number)
    GROUP BY c.group_number
)

SELECT
    g.group_number,
    g.group_size,
    r.why,
    nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
    c.email,
    c.phone,
    c.organization_name AS organization,
    c.owner_name AS owner,
    CAST(c.created_at AS DATE) AS created,
    CAST(c.updated_at AS DATE) AS updated,
    c.id
FROM chosen g
JOIN reasons r USING (group_number)
JOIN model.contacts c ON c._instance = g._instance AND c.id = g.id
ORDER BY g.group_number, c.created_at NULLS FIRST, c.id
