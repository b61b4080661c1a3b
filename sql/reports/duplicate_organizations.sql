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

WITH RECURSIVE worded AS (
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
organizations AS (
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
    SELECT
        _instance,
        id,
        unnest([{'why': 'name', 'key': name_key}, {'why': 'website', 'key': host_key}], recursive := true)
    FROM organizations
),
-- Each organization, and the first one that is the same.
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
-- A group is known by its first organization; the knowledge spreads from each to those that are the same.
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
),
deals AS (
    SELECT o._instance, o.organization_id AS id, count(*) AS opportunities
    FROM model.opportunities o
    SEMI JOIN members m ON m._instance = o._instance AND m.id = o.organization_id
    GROUP BY ALL
)

SELECT
    g.group_number,
    g.group_size,
    g.why,
    o.name AS organization,
    o.website,
    o.city,
    o.owner_name AS owner,
    CAST(o.created_at AS DATE) AS created,
    coalesce(d.opportunities, 0) AS opportunities,
    o.id
FROM numbered g
JOIN members m USING (_instance, first_id)
JOIN model.organizations o ON o._instance = m._instance AND o.id = m.id
LEFT JOIN deals d ON d._instance = m._instance AND d.id = m.id
WHERE g.group_number <= CAST($limit AS BIGINT)
ORDER BY g.group_number, o.created_at NULLS FIRST, o.id
