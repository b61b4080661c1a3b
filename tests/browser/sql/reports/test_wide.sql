-- title: A wide table
-- question: Can a table of many columns be read on a phone?
-- grain: one row a deal
-- unit: money = amount
-- unit: share = probability_of_closing
-- unit: days = days_in_stage
-- chart: none

SELECT 'a3f0c9d2-0000-4000-8000-' || lpad(CAST(i AS VARCHAR), 12, '0') AS id, 'Renewal of the framework agreement ' || i AS title,
       'Bergmann & Söhne Maschinenbau GmbH' AS organization_name, 'jane.doe.with.a.very.long.address@subsidiary.example.com' AS owner_email,
       'EUR' AS currency, CAST(12345678901234567890.125 AS DECIMAL(28, 3)) AS amount, 0.33333 AS probability_of_closing, 12.25 AS days_in_stage,
       DATE '2026-03-31' AS expected_close_date, TIMESTAMP '2026-03-01 10:11:12.5' AS updated_at, NULL AS next_step, i % 2 = 0 AS is_late,
       170141183460469231731687303715884105727::HUGEINT AS huge
FROM generate_series(1, 12) AS t(i)
