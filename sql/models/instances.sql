-- title: Instances
-- grain: one row an instance
-- definition: extracted_at = when the latest run ended that read its opportunities
-- definition: known_since = the moment from which history can answer: the first load of opportunities, or the horizon up to which history was pruned

WITH loads AS (
    SELECT s._instance, min(s.read_at) AS first_load, max(s.read_at) AS extracted_at
    FROM (
        SELECT
            w.instance AS _instance,
            -- A list that failed was not read.
            CASE WHEN w.resource = 'opportunities' AND w.passes > 0 THEN r.finished_at END AS read_at
        FROM meta.sweeps w
        JOIN meta.runs r USING (run_id)
    ) s
    GROUP BY s._instance
),
-- What the first load brought is known from that load's own moment on.
versions AS (
    SELECT _instance, min(_valid_from) AS first_version FROM history.opportunities GROUP BY _instance
)

SELECT
    l._instance,
    greatest(least(v.first_version, l.first_load), (SELECT max(horizon) FROM meta.pruned)) AS known_since,
    l.extracted_at
FROM loads l
LEFT JOIN versions v USING (_instance)
