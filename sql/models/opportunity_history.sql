-- title: History of opportunities
-- grain: one row an opportunity and version, with what the version before said
-- definition: valid_from = when crmlake saw the version first; valid_to = when it saw the next one, or that the record was gone
-- definition: the state at a moment = the versions with valid_from at or before it and valid_to after it or null

SELECT
    *,
    row_number() OVER versions AS version,
    lag(status) OVER versions AS previous_status,
    lag(stage) OVER versions AS previous_stage,
    lag(stage_order) OVER versions AS previous_stage_order,
    lag(amount) OVER versions AS previous_amount,
    lag(currency) OVER versions AS previous_currency,
    lag(owner_id) OVER versions AS previous_owner_id,
    lag(owner_name) OVER versions AS previous_owner_name,
    lag(expected_close_date) OVER versions AS previous_expected_close_date
FROM model.opportunity_versions
WINDOW versions AS (PARTITION BY _instance, id ORDER BY valid_from)
