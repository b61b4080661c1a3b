-- title: Opportunities
-- grain: one row an opportunity, as it is now
-- field: title VARCHAR = title, name, subject
-- field: status VARCHAR = status, state, status.name
-- field: stage VARCHAR = stage.name, stage, stageName
-- field: stage_id VARCHAR = stage.id, stageId
-- field: pipeline VARCHAR = pipeline.name, pipeline, pipelineName
-- field: probability DECIMAL(18,2) = probability, stage.probability
-- field: amount DECIMAL(18,2) = amount, value, dealValue, estimatedValue
-- field: currency VARCHAR = currency, currencyCode, currency.code
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email
-- field: organization_id VARCHAR = organization.id, organizationId, company.id
-- field: organization_name VARCHAR = organization.name, organizationName, company.name
-- field: source VARCHAR = source, leadSource, source.name
-- field: lost_reason VARCHAR = lostReason, lossReason, lostReason.name
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn
-- field: expected_close_date DATE = expectedCloseDate, closeDate, estimatedCloseDate
-- field: closed_at TIMESTAMP = closedOn, closedAt, actualCloseDate
-- value: status open = open, new, active, in progress
-- value: status won = won, closed won
-- value: status lost = lost, closed lost

WITH deals AS (
    SELECT
        _instance,
        id,
        {{title}} AS title,
        {{status}} AS status,
        {{stage}} AS stage,
        {{stage_id}} AS stage_id,
        {{pipeline}} AS pipeline,
        {{probability}} AS probability,
        {{amount}} AS amount,
        {{currency}} AS currency,
        {{owner_id}} AS owner_id,
        {{owner_name}} AS owner_name,
        {{owner_email}} AS owner_email,
        {{organization_id}} AS organization_id,
        {{organization_name}} AS organization_name,
        {{source}} AS source,
        {{lost_reason}} AS lost_reason,
        {{created_at}} AS created_at,
        {{updated_at}} AS updated_at,
        {{expected_close_date}} AS expected_close_date,
        {{closed_at}} AS closed_at
    FROM crm.opportunities
)

SELECT
    d._instance,
    d.id,
    d.title,
    d.status,
    d.stage,
    s.stage_order,
    d.pipeline,
    coalesce(d.probability, s.probability) AS probability,
    d.amount,
    d.currency,
    d.owner_id,
    d.owner_name,
    d.owner_email,
    d.organization_id,
    d.organization_name,
    d.source,
    d.lost_reason,
    d.created_at,
    d.updated_at,
    d.expected_close_date,
    d.closed_at
FROM deals d
LEFT JOIN model.stages s ON s._instance = d._instance AND s.id = d.stage_id
