-- title: Leads
-- grain: one row a lead, as it is now
-- field: title VARCHAR = title, name, subject
-- field: status VARCHAR = status, state, status.name
-- field: source VARCHAR = source, leadSource, source.name
-- field: amount DECIMAL(18,2) = value, amount, estimatedValue
-- field: currency VARCHAR = currency, currencyCode, currency.code
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email
-- field: organization_id VARCHAR = organization.id, organizationId, company.id
-- field: organization_name VARCHAR = organization.name, organizationName, company.name
-- field: contact_email VARCHAR = contact.email, contactEmail, email
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn
-- field: converted_at TIMESTAMP = convertedOn, convertedAt
-- field: opportunity_id VARCHAR = opportunityId, opportunity.id
-- value: status open = open, new, contacted, qualified, working
-- value: status converted = converted
-- value: status disqualified = disqualified, lost, unqualified

SELECT
    _instance,
    id,
    {{title}} AS title,
    {{status}} AS status,
    {{source}} AS source,
    {{amount}} AS amount,
    {{currency}} AS currency,
    {{owner_id}} AS owner_id,
    {{owner_name}} AS owner_name,
    {{owner_email}} AS owner_email,
    {{organization_id}} AS organization_id,
    {{organization_name}} AS organization_name,
    {{contact_email}} AS contact_email,
    {{created_at}} AS created_at,
    {{updated_at}} AS updated_at,
    {{converted_at}} AS converted_at,
    {{opportunity_id}} AS opportunity_id
FROM crm.leads
