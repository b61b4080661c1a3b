-- title: Fields that reports need
-- question: Which fields that most reports read are empty in all opportunities?
-- grain: one row an instance and canonical column
-- severity: warn
-- note: where the CRM has the field under another name, [fields.opportunities] in the configuration says so

WITH filled AS (
    SELECT
        _instance,
        count(title) AS title,
        count(status) AS status,
        count(stage) AS stage,
        count(amount) AS amount,
        count(created_at) AS created_at,
        count(owner_id) AS owner_id,
        count(expected_close_date) AS expected_close_date
    FROM model.opportunities
    GROUP BY _instance
)

SELECT _instance AS instance, 'opportunities' AS resource, field, 'no opportunity has a value' AS problem
FROM filled
UNPIVOT (records FOR field IN (title, status, stage, amount, created_at, owner_id, expected_close_date))
WHERE records = 0
ORDER BY instance, field
