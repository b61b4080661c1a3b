-- title: {title}
-- question: How much was won, by whom, since a day?
-- grain: one row an owner and currency
-- param: since date = start-of-year, the first day that counts
-- param: owners list =, only these owners; all where none is given
-- param: limit integer from 1 = 20, how many owners a currency at the most
-- definition: won_amount = sum of amount over won opportunities closed since that day
-- unit: money = won_amount
-- chart: bar owner won_amount

-- The header above describes the report; the first blank line ends it.
--
-- title, question, grain   what `crmlake report --list` and the pages say
-- param                    name KIND = default, description. KIND is date, integer, integer from 1 to 10, number, text, list,
--                          or a choice such as a|b|c; no default means null. Values come from --param name=value and are bound as $name.
--                          Dates may be today, yesterday, -90d, -2w, -3mo, -1y, start-of-month, end-of-quarter ...
-- unit                     money, share (0 to 1, shown as per cent) or days, and the columns that are so
-- chart                    bar, column, line, stacked, funnel or waterfall, the category's column, the values' columns;
--                          or none
--
-- What there is to ask: `crmlake sql "SHOW ALL TABLES"`; the models are described in sql/models. A file with the name of a
-- built-in report takes its place.

SELECT
    owner_name AS owner,
    currency,
    count(*) AS won,
    sum(amount) AS won_amount
FROM model.opportunities
WHERE status = 'won'
    AND closed_at >= CAST($since AS DATE)
    AND ($owners IS NULL OR list_contains(CAST($owners AS VARCHAR[]), owner_name))
GROUP BY owner_name, currency
QUALIFY row_number() OVER (PARTITION BY currency ORDER BY sum(amount) DESC NULLS LAST, owner_name) <= CAST($limit AS BIGINT)
ORDER BY currency NULLS LAST, won_amount DESC NULLS LAST, owner
