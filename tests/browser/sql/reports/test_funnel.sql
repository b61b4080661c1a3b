-- title: A funnel
-- question: How many are left after each step?
-- grain: one row a step
-- unit: count = deals
-- unit: share = step_conversion
-- chart: funnel stage deals

SELECT * FROM (VALUES ('Qualification of a lead by somebody who has the time', 1234, NULL), ('Proposal', 812, 0.658), ('Negotiation', 400, 0.4926), ('Won', 57, 0.1425), ('Paid', 0, 0.0))
    AS t(stage, deals, step_conversion)
