-- title: Opportunities
-- grain: one row an opportunity, as it is now

SELECT * EXCLUDE (valid_from, valid_to, is_deleted)
FROM model.opportunity_versions
WHERE valid_to IS NULL
