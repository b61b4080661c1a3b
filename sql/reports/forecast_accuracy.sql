-- title: Forecast accuracy
-- question: What did the forecast say before a month or quarter began, and what was won in it?
-- grain: one row a currency and period that is over; only periods before which history had begun
-- param: period one of month|quarter = month, how long a period is
-- param: since date = -1y, the first day that may be in a period
-- param: today date = today, periods must have ended before this day
-- param: ahead integer from 0 = 0, how many days before the period began the forecast is looked at
-- definition: forecast = the opportunities that were open then, with an expected close date in the period, at the amount and probability they had
-- definition: commit, best_case = amount of the forecast whose forecast category begins so; empty where no deal of the forecast had a category
-- definition: weighted = sum of amount x probability / 100 over the forecast
-- definition: won_amount = amount of all opportunities won with a closing date in the period, as known now
-- definition: won_of_forecast = amount of the opportunities of the forecast that were won in the period in the same currency
-- definition: difference = won_amount - weighted; accuracy = won_amount / weighted
-- definition: instances = of how many CRM instances history can tell that period
-- unit: money = forecast, commit, best_case, weighted, won_amount, won_of_forecast, difference
-- unit: count = opportunities, won, instances
-- unit: share = accuracy
-- chart: column period weighted, won_amount

WITH months AS (
    SELECT DISTINCT
        CASE WHEN CAST($period AS VARCHAR) = 'quarter' THEN quarter ELSE month END AS period,
        CASE WHEN CAST($period AS VARCHAR) = 'quarter' THEN quarter + INTERVAL 3 MONTH ELSE month + INTERVAL 1 MONTH END AS next_period
    FROM model.calendar
    WHERE day BETWEEN CAST($since AS DATE) AND CAST($today AS DATE)
),
-- A period counts where its beginning and its end were seen.
periods AS (
    SELECT i._instance, m.period, m.period - to_days(CAST($ahead AS INTEGER)) AS looked_at
    FROM months m
    JOIN model.instances i
        ON i.known_since < m.period - to_days(CAST($ahead AS INTEGER)) AND i.extracted_at >= m.next_period
    WHERE m.next_period <= CAST($today AS DATE)
),
won AS (
    SELECT _instance, id, currency, amount, date_trunc(CAST($period AS VARCHAR), closed_at) AS period
    FROM model.opportunities
    WHERE status = 'won' AND closed_at >= date_trunc('quarter', CAST($since AS DATE))
),
-- The state at the first moment of a day is that at the end of the day before.
forecast AS (
    SELECT v._instance, v.id, v.currency, v.amount, v.weighted_amount, lower(trim(v.forecast_category)) AS category, p.period
    FROM model.opportunity_versions v
    JOIN periods p ON p._instance = v._instance
        AND p.period = date_trunc(CAST($period AS VARCHAR), v.expected_close_date)
        AND v.valid_from < p.looked_at
        AND (v.valid_to IS NULL OR v.valid_to >= p.looked_at)
    WHERE v.status = 'open'
),
said AS (
    SELECT
        f.period,
        f.currency,
        count(*) AS opportunities,
        sum(f.amount) AS forecast,
        CASE WHEN count(f.category) > 0 THEN coalesce(sum(f.amount) FILTER (f.category LIKE 'commit%'), 0) END AS commit,
        CASE WHEN count(f.category) > 0 THEN coalesce(sum(f.amount) FILTER (f.category LIKE 'best%'), 0) END AS best_case,
        sum(f.weighted_amount) AS weighted,
        sum(w.amount) AS won_of_forecast
    FROM forecast f
    LEFT JOIN won w ON w._instance = f._instance AND w.id = f.id AND w.period = f.period
        AND w.currency IS NOT DISTINCT FROM f.currency
    GROUP BY f.period, f.currency
),
happened AS (
    SELECT w.period, w.currency, count(*) AS won, sum(w.amount) AS won_amount
    FROM won w
    JOIN periods p USING (_instance, period)
    GROUP BY w.period, w.currency
),
known AS (
    SELECT period, count(*) AS instances FROM periods GROUP BY period
)

SELECT
    coalesce(s.currency, h.currency) AS currency,
    CAST(coalesce(s.period, h.period) AS DATE) AS period,
    coalesce(s.opportunities, 0) AS opportunities,
    coalesce(s.forecast, 0) AS forecast,
    s.commit,
    s.best_case,
    CAST(round(coalesce(s.weighted, 0), 2) AS DECIMAL(38, 2)) AS weighted,
    coalesce(h.won, 0) AS won,
    coalesce(h.won_amount, 0) AS won_amount,
    coalesce(s.won_of_forecast, 0) AS won_of_forecast,
    -- Of the figures as they are shown.
    CAST(coalesce(h.won_amount, 0) - round(coalesce(s.weighted, 0), 2) AS DECIMAL(38, 2)) AS difference,
    round(coalesce(h.won_amount, 0) / nullif(s.weighted, 0), 4) AS accuracy,
    k.instances
FROM said s
FULL JOIN happened h ON h.period = s.period AND h.currency IS NOT DISTINCT FROM s.currency
JOIN known k ON k.period = coalesce(s.period, h.period)
ORDER BY currency NULLS LAST, period
