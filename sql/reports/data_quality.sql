-- title: Data quality
-- question: How much of each field is filled in, and what in it looks wrong?
-- grain: one row a model and canonical column
-- definition: filled = neither null nor an empty text; share = filled / records
-- definition: different = how many different values there are, for columns whose values repeat
-- definition: suspicious = records in which the column is as finding says; an empty text is missing, and not suspicious
-- unit: share = share
-- unit: count = records, filled, different, suspicious
-- chart: none

-- count_if is null where it counts nothing but nulls, and takes less than a filter for each count.
WITH counted AS (
    SELECT
        1 AS place,
        'opportunities' AS model,
        count(*) AS records,
        [
            row('title', count_if(title <> ''), NULL, NULL, NULL),
            row(
                'status', count_if(status <> ''), count(DISTINCT nullif(status, '')),
                count_if(status <> '' AND status NOT IN ('open', 'won', 'lost')), 'no known status'
            ),
            row(
                'stage', count_if(stage <> ''), count(DISTINCT nullif(stage, '')),
                count_if(stage <> '' AND stage_order IS NULL), 'no place in the pipeline'
            ),
            row('pipeline', count_if(pipeline <> ''), count(DISTINCT nullif(pipeline, '')), NULL, NULL),
            row(
                'probability', count(probability), count(DISTINCT probability),
                count_if(NOT probability BETWEEN 0 AND 100), 'not between 0 and 100'
            ),
            row('amount', count(amount), NULL, count_if(amount <= 0), 'zero or less'),
            row(
                'currency', count_if(currency <> ''), count(DISTINCT nullif(currency, '')),
                count_if(amount IS NOT NULL AND currency IS NULL), 'missing beside an amount'
            ),
            row('owner_id', count_if(owner_id <> ''), count(DISTINCT nullif(owner_id, '')), NULL, NULL),
            row('owner_name', count_if(owner_name <> ''), NULL, NULL, NULL),
            row('organization_id', count_if(organization_id <> ''), NULL, NULL, NULL),
            row('organization_name', count_if(organization_name <> ''), NULL, NULL, NULL),
            row('source', count_if(source <> ''), count(DISTINCT nullif(source, '')), NULL, NULL),
            row('segment', count_if(segment <> ''), count(DISTINCT nullif(segment, '')), NULL, NULL),
            row(
                'lost_reason', count_if(lost_reason <> ''), count(DISTINCT nullif(lost_reason, '')),
                count_if(status = 'lost' AND coalesce(lost_reason, '') = ''), 'missing in a lost one'
            ),
            row(
                'forecast_category', count_if(forecast_category <> ''), count(DISTINCT nullif(forecast_category, '')),
                NULL, NULL
            ),
            row(
                'next_step', count_if(next_step <> ''), NULL,
                count_if(status = 'open' AND coalesce(next_step, '') = ''), 'missing in an open one'
            ),
            row('lead_id', count_if(lead_id <> ''), NULL, NULL, NULL),
            row('created_at', count(created_at), NULL, NULL, NULL),
            row(
                'updated_at', count(updated_at), NULL,
                count_if(updated_at < created_at), 'before the creation'
            ),
            row(
                'expected_close_date', count(expected_close_date), NULL,
                count_if(status = 'open' AND expected_close_date IS NULL), 'missing in an open one'
            ),
            row(
                'closed_at', count(closed_at), NULL,
                count_if(status IN ('won', 'lost') AND closed_at IS NULL), 'missing in a closed one'
            )
        ] AS fields
    FROM model.opportunities
    UNION ALL
    SELECT
        2 AS place,
        'leads' AS model,
        count(*) AS records,
        [
            row('title', count_if(title <> ''), NULL, NULL, NULL),
            row(
                'status', count_if(status <> ''), count(DISTINCT nullif(status, '')),
                count_if(status <> '' AND status NOT IN ('open', 'converted', 'disqualified')), 'no known status'
            ),
            row('source', count_if(source <> ''), count(DISTINCT nullif(source, '')), NULL, NULL),
            row('segment', count_if(segment <> ''), count(DISTINCT nullif(segment, '')), NULL, NULL),
            row('amount', count(amount), NULL, count_if(amount <= 0), 'zero or less'),
            row(
                'currency', count_if(currency <> ''), count(DISTINCT nullif(currency, '')),
                count_if(amount IS NOT NULL AND currency IS NULL), 'missing beside an amount'
            ),
            row('owner_id', count_if(owner_id <> ''), count(DISTINCT nullif(owner_id, '')), NULL, NULL),
            row('owner_name', count_if(owner_name <> ''), NULL, NULL, NULL),
            row('organization_id', count_if(organization_id <> ''), NULL, NULL, NULL),
            row('organization_name', count_if(organization_name <> ''), NULL, NULL, NULL),
            row('contact_name', count_if(contact_name <> ''), NULL, NULL, NULL),
            row(
                'contact_email', count_if(contact_email <> ''), NULL,
                count_if(contact_email <> '' AND NOT contains(contact_email, '@')), 'no @ in it'
            ),
            row('created_at', count(created_at), NULL, NULL, NULL),
            row(
                'updated_at', count(updated_at), NULL,
                count_if(updated_at < created_at), 'before the creation'
            ),
            row(
                'converted_at', count(converted_at), NULL,
                count_if(status = 'converted' AND converted_at IS NULL), 'missing in a converted one'
            ),
            row(
                'opportunity_id', count_if(opportunity_id <> ''), NULL,
                count_if(status = 'converted' AND opportunity_id IS NULL), 'missing in a converted one'
            )
        ] AS fields
    FROM model.leads
    UNION ALL
    SELECT
        3 AS place,
        'contacts' AS model,
        count(*) AS records,
        [
            row('first_name', count_if(first_name <> ''), NULL, NULL, NULL),
            row('last_name', count_if(last_name <> ''), NULL, NULL, NULL),
            row(
                'email', count_if(email <> ''), NULL,
                count_if(email <> '' AND NOT contains(email, '@')), 'no @ in it'
            ),
            row('phone', count_if(phone <> ''), NULL, count_if(length(phone) BETWEEN 1 AND 4), 'too short'),
            row('job_title', count_if(job_title <> ''), count(DISTINCT nullif(job_title, '')), NULL, NULL),
            row('owner_id', count_if(owner_id <> ''), count(DISTINCT nullif(owner_id, '')), NULL, NULL),
            row('owner_name', count_if(owner_name <> ''), NULL, NULL, NULL),
            row('organization_id', count_if(organization_id <> ''), NULL, NULL, NULL),
            row('organization_name', count_if(organization_name <> ''), NULL, NULL, NULL),
            row('created_at', count(created_at), NULL, NULL, NULL),
            row(
                'updated_at', count(updated_at), NULL,
                count_if(updated_at < created_at), 'before the creation'
            ),
            row(
                'last_activity_at', count(last_activity_at), NULL,
                count_if(last_activity_at < created_at), 'before the creation'
            )
        ] AS fields
    FROM model.contacts
    UNION ALL
    SELECT
        4 AS place,
        'organizations' AS model,
        count(*) AS records,
        [
            row('name', count_if(name <> ''), NULL, NULL, NULL),
            row(
                'website', count_if(website <> ''), NULL,
                count_if(website <> '' AND NOT contains(website, '.')), 'no host'
            ),
            row('industry', count_if(industry <> ''), count(DISTINCT nullif(industry, '')), NULL, NULL),
            row('employees', count(employees), NULL, count_if(employees <= 0), 'zero or less'),
            row(
                'annual_revenue', count(annual_revenue), NULL,
                count_if(annual_revenue < 0), 'less than zero'
            ),
            row('phone', count_if(phone <> ''), NULL, count_if(length(phone) BETWEEN 1 AND 4), 'too short'),
            row('city', count_if(city <> ''), count(DISTINCT nullif(city, '')), NULL, NULL),
            row('country', count_if(country <> ''), count(DISTINCT nullif(country, '')), NULL, NULL),
            row('segment', count_if(segment <> ''), count(DISTINCT nullif(segment, '')), NULL, NULL),
            row('owner_id', count_if(owner_id <> ''), count(DISTINCT nullif(owner_id, '')), NULL, NULL),
            row('owner_name', count_if(owner_name <> ''), NULL, NULL, NULL),
            row('created_at', count(created_at), NULL, NULL, NULL),
            row(
                'updated_at', count(updated_at), NULL,
                count_if(updated_at < created_at), 'before the creation'
            ),
            row(
                'last_activity_at', count(last_activity_at), NULL,
                count_if(last_activity_at < created_at), 'before the creation'
            )
        ] AS fields
    FROM model.organizations
),
fields AS (
    SELECT
        place,
        model,
        records,
        generate_subscripts(fields, 1) AS number,
        CAST(
            unnest(fields) AS STRUCT(field VARCHAR, filled BIGINT, different BIGINT, suspicious BIGINT, finding VARCHAR)
        ) AS f
    FROM counted
)

SELECT
    model,
    f.field,
    records,
    coalesce(f.filled, 0) AS filled,
    round(coalesce(f.filled, 0) / nullif(records, 0), 4) AS share,
    f.different,
    CASE WHEN f.finding IS NOT NULL THEN coalesce(f.suspicious, 0) END AS suspicious,
    CASE WHEN f.suspicious > 0 THEN f.finding END AS finding
FROM fields
ORDER BY place, number
