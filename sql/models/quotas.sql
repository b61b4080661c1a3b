-- title: Quotas
-- grain: one row an owner, or the team, and period, from the file that [quota] names; none without one
-- definition: owner = the owner's name, null for the team; period, period_end = the first and the last day
-- source: quotas

SELECT owner, period, period_end, amount, currency
FROM {{quotas}}
