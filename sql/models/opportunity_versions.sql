-- title: Versions of opportunities
-- grain: one row an opportunity and version: what the other models of opportunities are made from
-- resource: opportunities
-- from: opportunities
-- field: title VARCHAR = title, dealName, opportunityName | name | subject
-- field: status VARCHAR = status, status.name, dealStatus | state | outcome
-- field: stage VARCHAR = stage.name, stage, stageName, stage.label, stage.title, dealStage
-- field: stage_id VARCHAR = stage.id, stageId
-- field: stage_order BIGINT = stage.order, stage.position, stageOrder
-- field: pipeline VARCHAR = pipeline.name, pipeline, pipelineName, pipeline.label, pipeline.title
-- field: pipeline_id VARCHAR = pipeline.id, pipelineId
-- field: probability DECIMAL(9,6) = probability, winProbability, stage.probability, stageProbability
-- field: amount DECIMAL(18,2) = amount, dealValue, dealAmount | value | estimatedValue | totalAmount
-- field: currency VARCHAR = currency, currencyCode, currency.code, currencyIsoCode
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id, assignedTo.id, salesAgent.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name, assignedTo.name, salesAgent.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email, assignedTo.email, salesAgent.email
-- field: organization_id VARCHAR = organization.id, organizationId, company.id, companyId, account.id, accountId
-- field: organization_name VARCHAR = organization.name, organizationName, company.name, companyName, account.name
-- field: contact_id VARCHAR = contact.id, contactId, primaryContact.id, primaryContactId
-- field: source VARCHAR = source, leadSource, source.name, dealSource
-- field: lost_reason VARCHAR = lostReason, lossReason, lostReason.name, reasonLost, closeReason
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate, dateCreated
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn, lastModifiedOn
-- field: expected_close_date DATE = expectedCloseDate, estimatedCloseDate, expectedClosingDate | closeDate | dueDate
-- field: closed_at TIMESTAMP = closedOn, closedAt, actualCloseDate, closedDate, dateClosed
-- field: forecast_category VARCHAR = forecastCategory, forecast, forecastCategory.name, cf_forecast_category
-- field: next_step VARCHAR = nextStep, nextAction, nextStep.name, cf_next_step
-- field: segment VARCHAR = segment, segment.name | marketSegment | cf_segment
-- field: lead_id VARCHAR = leadId, lead.id, convertedFrom.id
-- money: amount in currency
-- value: status open = open, new, active, in progress, in-progress, in_progress, ongoing
-- value: status won = won, closed won, closed-won, closed_won, closedwon
-- value: status lost = lost, closed lost, closed-lost, closed_lost, closedlost

-- A stage is found by its id or, where records name it only, by its name, with its pipeline's or, where no other stage
-- of the instance is called so, alone.
WITH stages AS (
    SELECT
        *,
        unnest([
            id,
            pipeline || chr(31) || name,
            CASE WHEN count(*) OVER (PARTITION BY _instance, name) = 1 THEN name END
        ]) AS key
    FROM model.stages
),
known_stages AS (
    SELECT DISTINCT ON (_instance, key) * FROM stages WHERE key IS NOT NULL ORDER BY _instance, key, stage_order
),
-- The instances that write 0.4 where others write 40. Mostly there is none, and joining nothing costs nothing.
fractions AS (
    SELECT _instance
    FROM (SELECT _instance, {{probability}} AS probability FROM history.opportunities)
    GROUP BY _instance
    HAVING max(probability) <= 1
),
versions AS (
    SELECT
        _instance,
        id,
        {{title}} AS title,
        {{status}} AS status,
        {{stage}} AS stage,
        {{stage_id}} AS stage_id,
        {{stage_order}} AS stage_order,
        {{pipeline}} AS pipeline,
        {{pipeline_id}} AS pipeline_id,
        {{probability}} AS probability,
        {{amount.converted}} AS amount,
        {{currency.converted}} AS currency,
        {{amount}} AS original_amount,
        {{currency}} AS original_currency,
        {{owner_id}} AS owner_id,
        {{owner_name}} AS owner_name,
        {{owner_email}} AS owner_email,
        {{organization_id}} AS organization_id,
        {{organization_name}} AS organization_name,
        {{contact_id}} AS contact_id,
        {{source}} AS source,
        {{lost_reason}} AS lost_reason,
        {{created_at}} AS created_at,
        {{updated_at}} AS updated_at,
        {{expected_close_date}} AS expected_close_date,
        {{closed_at}} AS closed_at,
        {{forecast_category}} AS forecast_category,
        {{next_step}} AS next_step,
        {{segment}} AS segment,
        {{lead_id}} AS lead_id,
        _valid_from AS valid_from,
        _valid_to AS valid_to,
        _deleted AS is_deleted
    FROM history.opportunities
),
staged AS (
    SELECT
        v.* REPLACE (
            coalesce(s.name, v.stage) AS stage,
            coalesce(s.id, v.stage_id) AS stage_id,
            coalesce(s.stage_order, v.stage_order) AS stage_order,
            coalesce(v.pipeline, s.pipeline) AS pipeline,
            coalesce(v.pipeline_id, s.pipeline_id) AS pipeline_id,
            coalesce(v.probability * CASE WHEN f._instance IS NULL THEN 1 ELSE 100 END, s.probability) AS probability
        )
    FROM versions v
    LEFT JOIN fractions f ON f._instance = v._instance
    LEFT JOIN known_stages s
        ON s._instance = v._instance
        AND s.key = coalesce(v.stage_id, v.pipeline || chr(31) || v.stage, v.stage)
)

SELECT
    _instance,
    id,
    title,
    status,
    stage,
    stage_order,
    pipeline,
    probability,
    amount,
    currency,
    owner_id,
    owner_name,
    owner_email,
    organization_id,
    organization_name,
    source,
    lost_reason,
    created_at,
    updated_at,
    expected_close_date,
    closed_at,
    stage_id,
    pipeline_id,
    -- Exact, and wide enough for any currency: the product of two numbers of 18 digits would have 8 before the point.
    TRY_CAST(amount AS DECIMAL(28, 4)) * TRY_CAST(probability * 0.01 AS DECIMAL(18, 6)) AS weighted_amount,
    forecast_category,
    next_step,
    segment,
    lead_id,
    contact_id,
    original_amount,
    original_currency,
    valid_from,
    valid_to,
    is_deleted
FROM staged
