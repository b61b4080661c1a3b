-- title: Leads
-- grain: one row a lead, as it is now
-- field: title VARCHAR = title, leadName | name | subject
-- field: status VARCHAR = status, status.name, leadStatus | state
-- field: source VARCHAR = source, leadSource, source.name | origin
-- field: amount DECIMAL(18,2) = value, leadValue, amount | estimatedValue
-- field: currency VARCHAR = currency, currencyCode, currency.code, currencyIsoCode
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id, assignedTo.id, salesAgent.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name, assignedTo.name, salesAgent.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email, assignedTo.email, salesAgent.email
-- field: organization_id VARCHAR = organization.id, organizationId, company.id, companyId, account.id, accountId
-- field: organization_name VARCHAR = organization.name, organizationName, company.name, companyName, account.name
-- field: contact_email VARCHAR = contact.email, contactEmail, email, emailAddress
-- field: contact_name VARCHAR = contact.name, contactName, fullName
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate, dateCreated
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn, lastModifiedOn
-- field: converted_at TIMESTAMP = convertedOn, convertedAt, conversionDate, dateConverted
-- field: opportunity_id VARCHAR = opportunityId, opportunity.id, convertedTo.id, dealId
-- field: segment VARCHAR = segment, segment.name | marketSegment | cf_segment
-- money: amount in currency
-- value: status open = open, new, contacted, qualified, working, active, nurturing
-- value: status converted = converted, won
-- value: status disqualified = disqualified, lost, unqualified, junk

SELECT
    _instance,
    id,
    {{title}} AS title,
    {{status}} AS status,
    {{source}} AS source,
    {{amount.converted}} AS amount,
    {{currency.converted}} AS currency,
    {{owner_id}} AS owner_id,
    {{owner_name}} AS owner_name,
    {{owner_email}} AS owner_email,
    {{organization_id}} AS organization_id,
    {{organization_name}} AS organization_name,
    {{contact_email}} AS contact_email,
    {{created_at}} AS created_at,
    {{updated_at}} AS updated_at,
    {{converted_at}} AS converted_at,
    {{opportunity_id}} AS opportunity_id,
    {{segment}} AS segment,
    {{contact_name}} AS contact_name,
    {{amount}} AS original_amount,
    {{currency}} AS original_currency
FROM crm.leads
