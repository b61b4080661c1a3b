-- title: Contacts
-- grain: one row a contact, as it is now
-- field: first_name VARCHAR = firstName, givenName
-- field: last_name VARCHAR = lastName, surname, familyName
-- field: email VARCHAR = email, emailAddress
-- field: phone VARCHAR = phone, phoneNumber, mobile
-- field: job_title VARCHAR = jobTitle, title
-- field: owner_id VARCHAR = owner.id, ownerId
-- field: owner_name VARCHAR = owner.name, ownerName
-- field: owner_email VARCHAR = owner.email, ownerEmail
-- field: organization_id VARCHAR = organization.id, organizationId, company.id
-- field: organization_name VARCHAR = organization.name, organizationName, company.name
-- field: created_at TIMESTAMP = createdOn, createdAt
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt

SELECT
    _instance,
    id,
    {{first_name}} AS first_name,
    {{last_name}} AS last_name,
    {{email}} AS email,
    {{phone}} AS phone,
    {{job_title}} AS job_title,
    {{owner_id}} AS owner_id,
    {{owner_name}} AS owner_name,
    {{owner_email}} AS owner_email,
    {{organization_id}} AS organization_id,
    {{organization_name}} AS organization_name,
    {{created_at}} AS created_at,
    {{updated_at}} AS updated_at
FROM crm.contacts
