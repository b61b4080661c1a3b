//! The resources of the CRM, as data.
//!
//! Adding a resource is adding an entry to [`RESOURCES`]; no other room names one. The paths are those of the vendor's
//! public endpoint list. Where a path is only assumed to exist, the entry says so, and its absence is not an error.

/// How a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// `page` and `size`, until the end is proven.
    Pages,
    /// One document that holds the whole list, read by one request.
    Document,
}

/// Whom or what the records of a list are about: where `crmlake forget` looks for a person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A deal, a firm, a list of tags: people are only mentioned.
    Things,
    /// One person each, whose name the record's is.
    Person,
    /// One person each, who asked for something: the record's name may be that of the matter.
    Inquiry,
}

/// One list of the API, and the table it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The name in `meta.sweeps`, `history.<name>` and on the command line.
    pub name: &'static str,
    /// The view `crm.<view>` that shows it. Several resources may share a view.
    pub view: &'static str,
    /// What distinguishes the members of a shared view: its column, and this member's value.
    pub member: Option<(&'static str, &'static str)>,
    /// The path of the list, below the base URL.
    pub list: &'static str,
    /// The path of one record without its id, where the API serves single records.
    pub one: Option<&'static str>,
    /// The resource whose rows are this one's form fields: labels of custom fields.
    pub form: Option<&'static str>,
    /// The key of the rows' array inside the answer, where it is not one of the usual ones.
    pub items: Option<&'static str>,
    /// How the list is read.
    pub paging: Paging,
    /// Whether an instance may be without it. An optional list that answers 404 is left out with a warning; without the
    /// others something is wrong, most likely the base URL.
    pub optional: bool,
    /// Whom its records are about.
    pub about: About,
}

/// The field that identifies a record, in every list of this API.
pub const KEY: &str = "id";

/// The field that holds values by field id, in every record of this API that can have custom fields.
pub const CUSTOM_FIELDS: &str = "customFields";

/// The field that says when a record was changed last: of two sightings of a row, the later one is kept.
pub const LAST_UPDATED: &str = "lastUpdatedOn";

/// The field that says when a record was created.
pub const CREATED: &str = "createdOn";

/// The field that holds a record's tags, as texts or as objects.
pub const TAGS: &str = "tags";

/// Embedded objects that may have an id, a name and an email and yet are no users of the CRM.
pub const NOT_USERS: [&str; 2] = ["contact", "organization"];

/// The last words of the keys of embedded objects that are users, even without an email.
pub const USERS: [&str; 5] = ["owner", "by", "user", "agent", "assignee"];

/// The last words of the keys of embedded objects, and of lists, that are people.
pub const PEOPLE: [&str; 6] = ["contact", "person", "people", "participant", "attendee", "member"];

/// The last words of the keys of embedded objects that are the person whom a record is about.
pub const SELF: [&str; 2] = ["contact", "person"];

/// Words in keys of e-mail addresses that are somebody else's than the person's whom a record is about.
pub const NOT_SELF: [&str; 9] =
    ["organization", "company", "manager", "assistant", "from", "to", "cc", "sender", "recipient"];

/// What a key that holds an e-mail address has in it, without regard to case, hyphens and underscores.
pub const EMAIL: &str = "email";

/// The last words of keys that hold a whole name, the longest first.
pub const FULL_NAMES: [&str; 5] = ["full_name", "fullname", "display_name", "displayname", "name"];

/// The last words of keys that hold a first name.
pub const FIRST_NAMES: [&str; 5] = ["first_name", "firstname", "given_name", "givenname", "forename"];

/// The last words of keys that hold a last name.
pub const LAST_NAMES: [&str; 5] = ["last_name", "lastname", "family_name", "familyname", "surname"];

/// The last words of keys that hold a name between the first and the last.
pub const MIDDLE_NAMES: [&str; 3] = ["middle_name", "middlename", "second_name"];

/// The keys of first, middle and last names inside an object that is a name, beside those above.
pub const PARTS_OF_NAMES: [(&str, &str, &str); 2] = [("first", "middle", "last"), ("given", "middle", "family")];

const RECORDS: Resource = Resource {
    name: "",
    view: "",
    member: None,
    list: "",
    one: None,
    form: None,
    items: None,
    paging: Paging::Pages,
    optional: false,
    about: About::Things,
};

const fn tags(name: &'static str, of: &'static str, list: &'static str) -> Resource {
    Resource { name, view: "tags", member: Some(("resource", of)), list, optional: true, ..RECORDS }
}

const fn form(name: &'static str, of: &'static str, list: &'static str) -> Resource {
    Resource {
        name,
        view: "form_fields",
        member: Some(("form", of)),
        list,
        items: Some("fields"),
        paging: Paging::Document,
        optional: true,
        ..RECORDS
    }
}

/// Every list that an extraction reads. Forms come first: their labels name the custom fields of what follows.
pub const RESOURCES: &[Resource] = &[
    form("form_fields_opportunities", "opportunities", "/pipeline/forms/opportunities"),
    form("form_fields_contacts", "contacts", "/directory/forms/contacts"),
    form("form_fields_organizations", "organizations", "/directory/forms/organizations"),
    Resource {
        name: "leads",
        view: "leads",
        list: "/pipeline/leads",
        one: Some("/pipeline/leads"),
        // The vendor keeps one form for both stages of a deal.
        form: Some("form_fields_opportunities"),
        about: About::Inquiry,
        ..RECORDS
    },
    Resource {
        name: "opportunities",
        view: "opportunities",
        list: "/pipeline/opportunities",
        one: Some("/pipeline/opportunities"),
        form: Some("form_fields_opportunities"),
        ..RECORDS
    },
    Resource {
        name: "contacts",
        view: "contacts",
        list: "/directory/contacts",
        one: Some("/directory/contacts"),
        form: Some("form_fields_contacts"),
        about: About::Person,
        ..RECORDS
    },
    Resource {
        name: "organizations",
        view: "organizations",
        list: "/directory/organizations",
        one: Some("/directory/organizations"),
        form: Some("form_fields_organizations"),
        ..RECORDS
    },
    Resource {
        name: "pipelines",
        view: "pipelines",
        list: "/pipeline/pipelines/opportunities",
        one: Some("/pipeline/pipelines/opportunities"),
        optional: true,
        ..RECORDS
    },
    tags("tags_leads", "leads", "/pipeline/tags/leads"),
    tags("tags_opportunities", "opportunities", "/pipeline/tags/opportunities"),
    tags("tags_contacts", "contacts", "/directory/tags/contacts"),
    tags("tags_organizations", "organizations", "/directory/tags/organizations"),
];

impl Resource {
    /// Whether it only says what other resources' fields are called: without it those go by their ids.
    pub fn is_form(&self) -> bool {
        RESOURCES.iter().any(|other| other.form == Some(self.name))
    }
}

/// The child table that `crm.stages` shows: the stages come inside their pipelines.
pub const STAGES: (&str, &str) = ("pipelines", "stages");

/// The entry of that name.
pub fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.name == name)
}

/// The entries that a name on the command line means: a resource, or all members of a shared view.
pub fn selected(name: &str) -> Vec<&'static Resource> {
    RESOURCES.iter().filter(|resource| resource.name == name || resource.view == name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_forms_exist() {
        for (index, entry) in RESOURCES.iter().enumerate() {
            assert!(RESOURCES[..index].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
            if let Some(form) = entry.form {
                assert!(RESOURCES[..index].iter().any(|other| other.name == form), "{form} must come before its user");
            }
        }
    }

    #[test]
    fn a_shared_view_is_selected_whole() {
        assert_eq!(selected("tags").len(), 4);
        assert_eq!(selected("leads").len(), 1);
        assert!(selected("nothing").is_empty());
    }
}
