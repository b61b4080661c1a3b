-- title: A waterfall
-- question: How did the pipeline get from its beginning to its end?
-- grain: one row a step
-- unit: money = amount
-- chart: waterfall step amount

SELECT currency, step, amount * factor AS amount FROM (VALUES
    ('Start', 1000000.00), ('New', 350000.00), ('Increased', 25000.00), ('Moved in', 0.00), ('Moved out', -120000.00), ('Lost', -700000.00),
    ('Decreased', -650000.00), ('Won', -400000.00), ('End', -495000.00)) AS t(step, amount), (VALUES ('EUR', 1), ('USD', -1)) AS c(currency, factor)
