//! Contacts and organizations: new ones, idle ones, and those that are there twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    Timestamp,
    civil::{Date, date},
};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    answer::{Figure, Row, row},
    books::{Books, Party, day, days_between, month, plus},
};

pub fn figures(books: &Books) -> Vec<Figure> {
    let today = books.today();
    let mut figures = vec![
        new_records(books, date(2026, 2, 11), today),
        new_records(books, date(2026, 11, 30), date(2026, 12, 24)),
        duplicates(books, "duplicate_contacts", contact_groups, contact_row, 10_000),
        duplicates(books, "duplicate_contacts", contact_groups, contact_row, 3),
        duplicates(books, "duplicate_organizations", organization_groups, organization_row, 10_000),
    ];
    for (days, limit) in [(90, 10_000), (30, 25), (14, 10_000)] {
        figures.push(idle_contacts(books, days, today, limit));
        figures.push(idle_organizations(books, days, today, limit));
    }
    figures
}

fn new_records(books: &Books, since: Date, today: Date) -> Figure {
    let now = books.now();
    let lists: [Vec<Date>; 4] = [
        now.leads.iter().filter_map(|lead| lead.created.map(day)).collect(),
        now.deals().filter_map(|deal| deal.created.map(day)).collect(),
        now.organizations.iter().filter_map(|party| party.moment("createdOn").map(day)).collect(),
        now.contacts.iter().filter_map(|party| party.moment("createdOn").map(day)).collect(),
    ];
    let mut rows = Vec::new();
    let mut first = month(since);
    while first <= today {
        let count = |list: &[Date]| list.iter().filter(|day| month(**day) == first && **day <= today).count();
        rows.push(row! {
            "month": first,
            "leads": count(&lists[0]),
            "opportunities": count(&lists[1]),
            "organizations": count(&lists[2]),
            "contacts": count(&lists[3]),
        });
        first = month(plus(first, 31));
    }
    let params = vec![format!("since={since}"), format!("today={today}")];
    Figure { report: "new_records_by_month", params, rows }
}

/// An idle party's own columns, after which those that both reports have follow.
struct Idle<'a> {
    party: &'a Party,
    moments: Vec<Option<Timestamp>>,
    counts: Vec<usize>,
}

/// Those without activity for so many days, the longest idle first, and the day of each one's last activity.
fn idle(parties: Vec<Idle<'_>>, days: i64, today: Date, limit: usize) -> Vec<(Idle<'_>, Option<Date>)> {
    let mut idle: Vec<_> = parties
        .into_iter()
        .map(|party| {
            let last = party.moments.iter().flatten().max().copied().map(day);
            (party, last)
        })
        .filter(|(party, last)| {
            let since = last.or_else(|| party.party.moment("createdOn").map(day));
            since.is_none_or(|since| since <= plus(today, -days))
        })
        .collect();
    idle.sort_by_key(|(idle, last)| (*last, idle.party.moment("createdOn"), idle.party.id()));
    idle.truncate(limit);
    idle
}

fn idle_contacts(books: &Books, days: i64, today: Date, limit: usize) -> Figure {
    let now = books.now();
    let parties = now.contacts.iter().map(|party| {
        let id = party.id();
        let deals: Vec<_> = now.deals().filter(|deal| deal.contacts.contains(&id)).collect();
        let email = party.text("email").map(|email| email.to_lowercase());
        let leads = now
            .leads
            .iter()
            .filter(|lead| email.is_some() && lead.email.as_ref().map(|email| email.to_lowercase()) == email);
        let mut moments = vec![party.moment("lastActivityOn")];
        moments.extend(deals.iter().flat_map(|deal| [deal.created, deal.updated]));
        moments.extend(leads.flat_map(|lead| [lead.created, lead.updated]));
        Idle { party, moments, counts: vec![deals.len()] }
    });
    let rows = idle(parties.collect(), days, today, limit).into_iter().map(|(idle, last)| {
        let party = idle.party;
        row! {
            "contact": full_name(party),
            "job_title": party.text("jobTitle"),
            "organization": party.text("organization.name"),
            "owner": party.text("owner.name"),
            "created": party.moment("createdOn").map(day),
            "last_activity": last,
            "days": last.map(|last| days_between(last, today)),
            "opportunities": idle.counts[0],
            "id": party.id(),
        }
    });
    let params = vec![format!("days={days}"), format!("today={today}"), format!("limit={limit}")];
    Figure { report: "inactive_contacts", params, rows: rows.collect() }
}

fn idle_organizations(books: &Books, days: i64, today: Date, limit: usize) -> Figure {
    let now = books.now();
    let parties = now.organizations.iter().map(|party| {
        let id = Some(party.id());
        let deals: Vec<_> = now.deals().filter(|deal| deal.organization_id == id).collect();
        let leads: Vec<_> = now.leads.iter().filter(|lead| lead.organization_id == id).collect();
        let contacts: Vec<_> = now.contacts.iter().filter(|contact| contact.text("organization.id") == id).collect();
        let mut moments = vec![party.moment("lastActivityOn")];
        moments.extend(contacts.iter().map(|contact| contact.moment("lastActivityOn")));
        moments.extend(deals.iter().flat_map(|deal| [deal.created, deal.updated]));
        moments.extend(leads.iter().flat_map(|lead| [lead.created, lead.updated]));
        Idle { party, moments, counts: vec![contacts.len(), deals.len(), leads.len()] }
    });
    let rows = idle(parties.collect(), days, today, limit).into_iter().map(|(idle, last)| {
        let party = idle.party;
        row! {
            "organization": party.text("name"),
            "segment": party.text("segment"),
            "owner": party.text("owner.name"),
            "created": party.moment("createdOn").map(day),
            "last_activity": last,
            "days": last.map(|last| days_between(last, today)),
            "contacts": idle.counts[0],
            "opportunities": idle.counts[1],
            "leads": idle.counts[2],
            "id": party.id(),
        }
    });
    let params = vec![format!("days={days}"), format!("today={today}"), format!("limit={limit}")];
    Figure { report: "inactive_organizations", params, rows: rows.collect() }
}

fn full_name(party: &Party) -> Option<String> {
    let names: Vec<String> = ["firstName", "lastName"].iter().filter_map(|name| party.text(name)).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Lower case, without accents.
fn folded(text: &str) -> String {
    text.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)).nfc().collect()
}

/// Groups of parties that have a key in common, directly or through others, by their places; and which kinds of keys. The
/// largest group comes first.
fn groups(parties: &[Party], keys: impl Fn(&Party) -> Vec<(&'static str, String)>) -> Vec<(Vec<usize>, String)> {
    let mut holders: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    for (place, party) in parties.iter().enumerate() {
        for key in keys(party) {
            holders.entry(key).or_default().push(place);
        }
    }
    holders.retain(|_, places| places.len() > 1);
    let mut group: Vec<usize> = (0..parties.len()).collect();
    for places in holders.values() {
        for place in &places[1..] {
            let (from, to) = (group[*place], group[places[0]]);
            group.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, of) in group.iter().enumerate() {
        members.entry(*of).or_default().push(place);
    }
    members.retain(|_, places| places.len() > 1);
    let mut found: Vec<(Vec<usize>, String)> = members
        .into_values()
        .map(|places| {
            let of_it = holders.iter().filter(|(_, holders)| places.contains(&holders[0]));
            let kinds: BTreeSet<&str> = of_it.map(|((kind, _), _)| *kind).collect();
            (places, kinds.into_iter().collect::<Vec<_>>().join(", "))
        })
        .collect();
    found.sort_by_key(|(places, _)| {
        (std::cmp::Reverse(places.len()), places.iter().map(|place| parties[*place].id()).min())
    });
    found
}

type Groups = fn(&Books) -> (&[Party], Vec<(Vec<usize>, String)>);

fn contact_groups(books: &Books) -> (&[Party], Vec<(Vec<usize>, String)>) {
    let parties = &books.now().contacts;
    let keys = |party: &Party| {
        let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
        let email = party.text("email").map(|email| without_spaces(&email.to_lowercase()));
        let name: String = ["firstName", "lastName"].iter().filter_map(|name| party.text(name)).collect();
        let digits: Vec<char> = party.text("phone").unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        let phone: String = digits[digits.len().saturating_sub(8)..].iter().collect();
        let name = Some(without_spaces(&folded(&name))).filter(|name| !name.is_empty() && phone.len() >= 5);
        let email = email.map(|email| ("e-mail", email));
        email.into_iter().chain(name.map(|name| ("name and phone", format!("{name} {phone}")))).collect()
    };
    (parties, groups(parties, keys))
}

/// The legal forms that the sandbox's firms have, as they are without points.
const LEGAL_FORMS: [&str; 10] = ["gmbh", "ab", "sa", "ltd", "bv", "inc", "kk", "sro", "ag", "kg"];

fn organization_groups(books: &Books) -> (&[Party], Vec<(Vec<usize>, String)>) {
    let parties = &books.now().organizations;
    let keys = |party: &Party| {
        let name = folded(&party.text("name").unwrap_or_default().replace('.', ""));
        let mut words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        while words.len() > 1 && words.last().is_some_and(|word| LEGAL_FORMS.contains(word)) {
            words.pop();
        }
        let name = Some(words.concat()).filter(|name| !name.is_empty());
        let host = party.text("website").and_then(|site| Some(site.strip_prefix("https://")?.to_owned()));
        name.map(|name| ("name", name)).into_iter().chain(host.map(|host| ("website", host))).collect()
    };
    (parties, groups(parties, keys))
}

fn contact_row(_: &Books, party: &Party) -> Row {
    row! {
        "contact": full_name(party),
        "email": party.text("email"),
        "phone": party.text("phone"),
        "organization": party.text("organization.name"),
        "owner": party.text("owner.name"),
        "created": party.moment("createdOn").map(day),
        "updated": party.moment("lastUpdatedOn").map(day),
        "id": party.id(),
    }
}

fn organization_row(books: &Books, party: &Party) -> Row {
    let id = Some(party.id());
    row! {
        "organization": party.text("name"),
        "website": party.text("website"),
        "city": party.text("address.city"),
        "owner": party.text("owner.name"),
        "created": party.moment("createdOn").map(day),
        "opportunities": books.now().deals().filter(|deal| deal.organization_id == id).count(),
        "id": party.id(),
    }
}

fn duplicates(
    books: &Books,
    report: &'static str,
    groups: Groups,
    own: fn(&Books, &Party) -> Row,
    limit: usize,
) -> Figure {
    let (parties, groups) = groups(books);
    let rows = groups.into_iter().zip(1usize..).take(limit).flat_map(|((places, why), number)| {
        let size = places.len();
        places.into_iter().map(move |place| {
            let mut row = row! {"group_number": number, "group_size": size, "why": &why};
            row.extend(own(books, &parties[place]));
            row
        })
    });
    Figure { report, params: vec![format!("limit={limit}")], rows: rows.collect() }
}
