-- title: Pipeline by owner
-- question: Who has how much open, and what is it worth by its probability?
-- grain: one row a currency and owner; deals without an owner are a row with an empty one
-- param: pipeline text =, only this pipeline
-- definition: amount = sum over open opportunities that have an amount; with_amount = how many have one
-- definition: weighted = sum of amount x probability / 100, over open opportunities that have both
-- definition: average = amount / with_amount
-- definition: share = amount / the amount of all owners in that currency
-- unit: money = amount, weighted, average
-- unit: count = opportunities, with_amount
-- unit: share = share
-- chart: bar owner amount, weighted

SELECT
    currency,
    -- An id may have come with several names; it is one owner all the same.
    max(owner_name) AS owner,
    count(*) AS opportunities,
    count(amount) AS with_amount,
    sum(amount) AS amount,
    CAST(round(sum(weighted_amount), 2) AS DECIMAL(38, 2)) AS weighted,
    -- To a millionth first: a double is often a little less than the half cent that it stands for.
    CAST(round(CAST(avg(amount) AS DECIMAL(38, 6)), 2) AS DECIMAL(38, 2)) AS average,
    round(sum(amount) / nullif(sum(sum(amount)) OVER (PARTITION BY currency), 0), 4) AS share
FROM model.opportunities
WHERE status = 'open' AND coalesce(CAST($pipeline AS VARCHAR), '') IN ('', pipeline)
GROUP BY currency, coalesce(owner_id, owner_name)
ORDER BY currency NULLS LAST, sum(amount) DESC NULLS LAST, owner NULLS LAST, min(owner_id) NULLS LAST
