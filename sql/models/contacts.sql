-- title: Contacts
-- grain: one row a contact, as it is now
-- field: first_name VARCHAR = firstName, givenName
-- field: last_name VARCHAR = lastName, surname, familyName
-- field: email VARCHAR = email, emailAddress
-- field: phone VARCHAR = phone, phoneNumber, mobile
-- field: job_title VARCHAR = jobTitle | title
-- field: owner_id VARCHAR = owner.id, ownerId, assignee.id, assignedTo.id, salesAgent.id
-- field: owner_name VARCHAR = owner.name, ownerName, assignee.name, assignedTo.name, salesAgent.name
-- field: owner_email VARCHAR = owner.email, ownerEmail, assignee.email, assignedTo.email, salesAgent.email
-- field: organization_id VARCHAR = organization.id, organizationId, company.id, companyId, account.id, accountId
-- field: organization_name VARCHAR = organization.name, organizationName, company.name, companyName, account.name
-- field: created_at TIMESTAMP = createdOn, createdAt, createdDate, dateCreated
-- field: updated_at TIMESTAMP = lastUpdatedOn, updatedOn, updatedAt, modifiedOn, lastModifiedOn
-- field: last_activity_at TIMESTAMP = lastActivityOn, lastActivityAt, lastActivityDate, lastContactedOn

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
    {{updated_at}} AS updated_at,
    {{last_activity_at}} AS last_activity_at
FROM crm.contacts
