-- title: Organizations
-- grain: one row an organization, as it is now
-- field: name VARCHAR = name | title
-- field: website VARCHAR = website | url
-- field: industry VARCHAR = industry, industry.name
-- field: employees BIGINT = employees, employeeCount
-- field: annual_revenue DECIMAL(18,2) = annualRevenue, revenue
-- field: phone VARCHAR = phone, phoneNumber
-- field: city VARCHAR = address.city, city
-- field: country VARCHAR = address.country, country
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id, assignedTo.id, salesAgent.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name, assignedTo.name, salesAgent.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email, assignedTo.email, salesAgent.email
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate, dateCreated
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn, lastModifiedOn
-- field: segment VARCHAR = segment, segment.name | customerSegment, marketSegment | cf_segment | cf_customer_tier
-- field: last_activity_at TIMESTAMP = lastActivityOn, lastActivityAt, lastActivityDate, lastContactedOn

SELECT
    _instance,
    id,
    {{name}} AS name,
    {{website}} AS website,
    {{industry}} AS industry,
    {{employees}} AS employees,
    {{annual_revenue}} AS annual_revenue,
    {{phone}} AS phone,
    {{city}} AS city,
    {{country}} AS country,
    {{owner_id}} AS owner_id,
    {{owner_name}} AS owner_name,
    {{owner_email}} AS owner_email,
    {{created_at}} AS created_at,
    {{updated_at}} AS updated_at,
    {{segment}} AS segment,
    {{last_activity_at}} AS last_activity_at
FROM crm.organizations
