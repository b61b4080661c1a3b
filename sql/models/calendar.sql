-- title: Calendar
-- grain: one row a day, 2000 to 2049
-- definition: week = its Monday; month, quarter = their first days; weekday = 1 for Monday to 7 for Sunday

SELECT
    day,
    CAST(date_trunc('week', day) AS DATE) AS week,
    CAST(date_trunc('month', day) AS DATE) AS month,
    CAST(date_trunc('quarter', day) AS DATE) AS quarter,
    year(day) AS year,
    weekofyear(day) AS iso_week,
    isodow(day) AS weekday,
    isodow(day) > 5 AS is_weekend
FROM (
    SELECT CAST(unnest(generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '2049-12-31', INTERVAL 1 DAY)) AS DATE) AS day
)
