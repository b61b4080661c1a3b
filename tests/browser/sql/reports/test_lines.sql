-- title: Lines
-- question: Are several lines, some with gaps, told apart?
-- grain: one row a week and owner
-- unit: count = deals
-- chart: line week deals by owner

SELECT CAST(DATE '2025-01-06' + CAST(7 * i AS INTEGER) AS DATE) AS week, owner,
       CASE WHEN (i + length(owner)) % 11 = 0 THEN NULL ELSE CAST(50 + 40 * sin(i / 5.0 + length(owner)) AS BIGINT) END AS deals
FROM generate_series(0, 69) AS t(i),
     (VALUES ('Anna'), ('Bartholomäus von der Heide-Wittgenstein'), ('C. Meier'), ('Dorothea Mustermann'), ('Eva'), ('Ferdinand'),
             ('Gregor Samsa'), ('Hanna K.'), ('Ismael'), ('Johannes')) AS o(owner)
ORDER BY owner, week
