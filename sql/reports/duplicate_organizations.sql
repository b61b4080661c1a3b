-- title: Duplicate organizations
-- question: Which organizations seem to be there more than once?
-- grain: one row an organization, in groups of those that seem to be the same
-- param: limit integer from 1 = 50, how many groups at the most
-- definition: same name = without regard to case, accents, spaces, punctuation and the legal form that it ends with, such as
--   GmbH, AG, Ltd, Inc., LLC, S.A., B.V. or s.r.o.
-- definition: same website = the same host, with or without www.; pages of social networks are no host of one's own
-- definition: group = organizations of an instance of which each is the same as another one of the group; the largest groups
--   first
-- definition: why = what some of the group have in common
-- unit: count = group_size, opportunities
-- chart: none

WITH RECURSIVE worded AS NOT MATERIALIZED (
    SELECT
        _instance,
        id,
        trim(regexp_replace(
            replace(replace(strip_accents(lower(regexp_replace(name, '[.''’]', '', 'g'))), 'ß', 'ss'), '&', ' and '),
            '[^\p{L}\p{N}]+', ' ', 'g'
        )) AS words,
        regexp_extract(
            regexp_replace(lower(trim(website)), '^(?:[a-z]+:)?(?://)?(?:www\.)?', ''),
            '^[^/:@?#\s]+\.[^/:@?#\s]+'
        ) AS host
    FROM model.organizations
),
organizations AS NOT MATERIALIZED (
    SELECT
        _instance,
        id,
        replace(
            coalesce(nullif(regexp_replace(
                words,
                '(?: (?:gmbh|mbh|ggmbh|ag|kg|kgaa|ohg|gbr|ug|eg|ev|se|and co|co|company|corp|corporation|inc|incorporated'
                || '|llc|llp|lp|ltd|limited|plc|pty|pte|pvt|private|sa|sas|sarl|sasu|spa|srl|sl|slu|lda|ltda|nv|bv|bvba|cv'
                || '|ab|as|asa|a s|aps|is|oy|oyj|sro|spol|sp z oo|sp j|sp k|kft|zrt|nyrt|doo|ood|eood|kk|gk|ooo|ao))+$',
                ''
            ), ''), words),
            ' ', ''
        ) AS name_key,
        CASE
            WHEN NOT regexp_matches(
                host,
                '(^|\.)(facebook|linkedin|instagram|twitter|x|youtube|xing|tiktok)\.com$|^sites\.google\.com$'
            ) THEN host
        END AS host_key
    FROM worded
),
keys AS (
    SELECT _instance, id, 'name' AS why, name_key AS key FROM organizations
    UNION ALL
    SELECT _instance, id, 'website', host_key FROM organizations
),
hashed AS MATERIALIZED (
    SELECT *, hash(_instance, why, key) AS hash FROM keys
),
-- Most keys are had by one organization only, which their hashes tell for less than the keys.
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
-- Each organization with a key that others have, too, and the first one with that key.
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
-- Where organizations with a key in common have different first ones, these are the same, too.
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
-- A group is known by its first organization; the knowledge spreads from each to those that are the same.
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
),
deals AS (
    SELECT o._instance, o.organization_id AS id, count(*) AS opportunities
    FROM model.opportunities o
    SEMI JOIN chosen g ON g._instance = o._instance AND g.id = o.organization_id
    GROUP BY ALL
)

SELECT
    g.group_number,
    g.group_size,
    r.why,
    o.name AS organization,
    o.website,
    o.city,
    o.owner_name AS owner,
    CAST(o.created_at AS DATE) AS created,
    coalesce(d.opportunities, 0) AS opportunities,
    o.id
FROM chosen g
JOIN reasons r USING (group_number)
JOIN model.organizations o ON o._instance = g._instance AND o.id = g.id
LEFT JOIN deals d ON d._instance = g._instance AND d.id = g.id
ORDER BY g.group_number, o.created_at NULLS FIRST, o.id
