-- title: Organizations
-- grain: one row an organization, as it is now
-- field: name VARCHAR = name, title
-- field: website VARCHAR = website, url
-- field: industry VARCHAR = industry, industry.name
-- field: employees BIGINT = employees, employeeCount
-- field: annual_revenue DECIMAL(18,2) = annualRevenue, revenue
-- field: phone VARCHAR = phone, phoneNumber
-- field: city VARCHAR = address.city, city
-- field: country VARCHAR = address.country, country
-- field: owner_id VARCHAR = owner.id, ownerId
-- field: owner_name VARCHAR = owner.name, ownerName
-- field: owner_email VARCHAR = owner.email, ownerEmail
-- field: created_at TIMESTAMP = createdOn, createdAt
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt

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
    {{updated_at}} AS updated_at
FROM crm.organizations
