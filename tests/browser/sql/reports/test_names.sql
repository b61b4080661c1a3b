-- title: Names of every kind <b>&amp;</b>
-- question: What becomes of names that are long, foreign, hostile or not there?
-- grain: one row a name
-- definition: amount = what it is worth, <i>a < b && c</i>
-- unit: money = amount
-- unit: count = deals
-- chart: bar name amount, deals

SELECT * FROM (VALUES
    ('Donaudampfschifffahrtsgesellschaftskapitänswitwenversicherungsgesellschaft mit beschränkter Haftung', 1234567.89::DECIMAL(18, 2), 3),
    ('<script>alert(1)</script>', -350000.00, 12),
    ('"quoted" & ''apostrophes'' \ backslashes', 99.99, 1),
    ('株式会社サンプル商事東京本社営業部', 12345.00, 40),
    ('شركة النور للتجارة', 7000.00, 2),
    (NULL, 55000.00, NULL),
    ('', NULL, 7),
    ('a', 0.00, 0),
    ('a_name_without_a_single_blank_in_it_that_goes_on_and_on_for_longer_than_any_column_is_wide', 1.00, 1)
) AS t(name, amount, deals)
