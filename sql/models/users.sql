-- title: Users
-- grain: one row a user of the CRM, with the latest name and email seen

SELECT _instance, id, name, email, first_seen, last_seen FROM crm.users
