-- title: Quota coverage
-- question: How much of its quota has the team won, and each owner, and does what is open cover the rest?
-- grain: one row the team or an owner (scope), a period and a currency; the owner is null for the team, and for what has no owner
-- param: today date = today, the day in the periods that are shown
-- param: quota number =, the team's quota, in place of the file's for the same period
-- param: currency text =, the currency of that quota, such as EUR
-- param: period one of month|quarter|year = quarter, the period of that quota, and the one shown where no quota is known
-- definition: quota = from the file that [quota] names, or the parameter; the team's, where only owners have one, is the sum of
--   theirs
-- definition: won_amount = of opportunities won and closed in the period
-- definition: remaining = quota - won_amount, or 0 where more was won
-- definition: open_amount, open_weighted = of open opportunities expected to close in the period; weighted = sum of amount x
--   probability / 100, over those that have both
-- definition: coverage = open_amount / remaining; null where nothing remains
-- definition: gap = quota - won_amount - open_weighted: what is likely to be missing; below zero where more is expected
-- note: a quota without a currency is compared only where all opportunities are in one currency
-- unit: money = quota, won_amount, remaining, open_amount, open_weighted, gap
-- chart: none

WITH asked AS (
    SELECT
        CAST(date_trunc(CAST($period AS VARCHAR), CAST($today AS DATE)) AS DATE) AS period,
        CAST(
            period + CASE CAST($period AS VARCHAR)
                WHEN 'month' THEN INTERVAL 1 MONTH
                WHEN 'quarter' THEN INTERVAL 3 MONTH
                ELSE INTERVAL 1 YEAR
            END
            AS DATE
        ) - 1 AS period_end
),
quotas AS (
    SELECT owner, period, period_end, amount, currency
    FROM model.quotas
    WHERE CAST($today AS DATE) BETWEEN period AND period_end
        AND NOT (
            owner IS NULL AND CAST($quota AS DECIMAL(38, 2)) IS NOT NULL
            AND (period, period_end) IN (SELECT (period, period_end) FROM asked)
        )
    UNION ALL
    SELECT NULL, period, period_end, CAST($quota AS DECIMAL(38, 2)), upper(nullif(trim(CAST($currency AS VARCHAR)), ''))
    FROM asked
    WHERE CAST($quota AS DECIMAL(38, 2)) IS NOT NULL
),
periods AS (
    SELECT DISTINCT period, period_end FROM quotas
    UNION
    SELECT period, period_end FROM asked WHERE NOT EXISTS (FROM quotas)
),
deals AS (
    SELECT
        coalesce(owner_name, owner_id) AS owner,
        -- The file names owners as people write them.
        lower(trim(coalesce(owner_name, owner_id))) AS owner_key,
        currency,
        status,
        amount,
        weighted_amount,
        CASE status WHEN 'won' THEN CAST(closed_at AS DATE) ELSE expected_close_date END AS day
    FROM model.opportunities
    WHERE status IN ('won', 'open')
),
actual AS (
    SELECT
        CASE grouping(d.owner_key) WHEN 1 THEN 'team' ELSE 'owner' END AS scope,
        d.owner_key,
        CASE grouping(d.owner_key) WHEN 0 THEN max(d.owner) END AS owner,
        p.period,
        p.period_end,
        d.currency,
        coalesce(sum(d.amount) FILTER (d.status = 'won'), 0) AS won_amount,
        coalesce(sum(d.amount) FILTER (d.status = 'open'), 0) AS open_amount,
        CAST(round(coalesce(sum(d.weighted_amount) FILTER (d.status = 'open'), 0), 2) AS DECIMAL(38, 2)) AS open_weighted
    FROM deals d
    JOIN periods p ON d.day BETWEEN p.period AND p.period_end
    GROUP BY GROUPING SETS (
        (d.owner_key, p.period, p.period_end, d.currency),
        (p.period, p.period_end, d.currency)
    )
),
currencies AS (
    SELECT max(currency) AS only_currency, count(*) > 1 AS are_several
    FROM (SELECT DISTINCT currency FROM model.opportunities WHERE amount IS NOT NULL)
),
of_each AS (
    SELECT
        CASE WHEN q.owner IS NULL THEN 'team' ELSE 'owner' END AS scope,
        lower(trim(q.owner)) AS owner_key,
        max(q.owner) AS owner,
        q.period,
        q.period_end,
        CASE WHEN NOT c.are_several THEN coalesce(q.currency, c.only_currency) ELSE q.currency END AS currency,
        q.currency IS NULL AND c.are_several AS is_unclear,
        sum(q.amount) AS quota,
        false AS is_sum
    FROM quotas q
    CROSS JOIN currencies c
    GROUP BY ALL
),
targets AS (
    FROM of_each
    UNION ALL
    SELECT 'team', NULL, NULL, period, period_end, currency, is_unclear, sum(quota), true
    FROM of_each
    GROUP BY period, period_end, currency, is_unclear
    HAVING count(*) FILTER (scope = 'team') = 0
    UNION ALL
    -- Where there is nothing at all, a row says so.
    SELECT 'team', NULL, NULL, period, period_end, NULL, false, NULL, false
    FROM asked
    WHERE NOT EXISTS (FROM of_each) AND NOT EXISTS (FROM actual)
),
compared AS (
    SELECT
        coalesce(t.scope, a.scope) AS scope,
        coalesce(a.owner, t.owner) AS owner,
        coalesce(t.period, a.period) AS period,
        coalesce(t.period_end, a.period_end) AS period_end,
        coalesce(t.currency, a.currency) AS currency,
        t.quota,
        CASE WHEN t.is_unclear THEN NULL ELSE coalesce(a.won_amount, 0) END AS won_amount,
        CASE WHEN t.is_unclear THEN NULL ELSE coalesce(a.open_amount, 0) END AS open_amount,
        CASE WHEN t.is_unclear THEN NULL ELSE coalesce(a.open_weighted, 0) END AS open_weighted,
        a.scope IS NOT NULL AS has_deals,
        t.is_unclear,
        t.is_sum
    FROM targets t
    FULL JOIN actual a
        ON a.scope = t.scope
        AND a.owner_key IS NOT DISTINCT FROM t.owner_key
        AND a.period = t.period
        AND a.period_end = t.period_end
        AND a.currency IS NOT DISTINCT FROM t.currency
        AND NOT t.is_unclear
)

SELECT
    scope,
    owner,
    period,
    period_end,
    currency,
    quota,
    won_amount,
    CASE WHEN quota < won_amount THEN 0 ELSE quota - won_amount END AS remaining,
    open_amount,
    open_weighted,
    CASE WHEN quota > won_amount THEN round(open_amount / (quota - won_amount), 2) END AS coverage,
    quota - won_amount - open_weighted AS gap,
    CASE
        WHEN NOT EXISTS (FROM quotas) THEN 'no quota is known: give --param quota=250000, or a file of quotas in [quota]'
        WHEN quota IS NULL THEN 'no quota in this currency'
        WHEN is_unclear THEN 'the quota names no currency and there are several: not compared'
        WHEN NOT has_deals AND scope = 'owner' THEN 'nothing won or open in the period by an owner of this name'
        WHEN quota <= won_amount THEN 'reached'
        WHEN is_sum THEN 'the sum of the owners'' quotas'
    END AS note
FROM compared
ORDER BY period, period_end, scope DESC, currency NULLS LAST, quota IS NULL, won_amount DESC NULLS LAST, owner NULLS LAST
