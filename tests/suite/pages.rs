//! Pages and the dashboard: what stands on them, and whose files they leave alone. How they look is seen in a browser, by
//! tests/browser.

use std::{collections::BTreeSet, fs};

use crate::world::{Sandbox, World};

fn loaded() -> World {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let world = World::new();
    world.run_with(&sandbox, &["extract"]).whole();
    world
}

fn report(world: &World, name: &str, text: &str) {
    fs::create_dir_all(world.path("sql/reports")).unwrap();
    fs::write(world.path(&format!("sql/reports/{name}.sql")), text.trim_start()).unwrap();
}

const HEADLINES: &str = "
-- title: Headlines
-- question: How do we stand?

SELECT * FROM (VALUES
    ('Open pipeline', 'EUR', 1234567.89, 1200000.00, 34567.89, 'money'),
    ('Win rate', NULL, 0.4033, 0.4153, -0.0120, 'share'),
    ('Open deals <now>', NULL, 412, NULL, NULL, 'count')
) AS t(headline, currency, value, previous, change, unit)";

fn names(world: &World, folder: &str) -> BTreeSet<String> {
    fs::read_dir(world.path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let begins = format!(" {attribute}=\"");
    page.split(&begins).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn is_page(link: &str) -> bool {
    std::path::Path::new(link).extension().is_some_and(|extension| extension == "html")
}

/// What holds of every page: it is whole by itself.
fn check_page(page: &str) {
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.ends_with("</html>\n"));
    assert!(page.contains("Content-Security-Policy") && page.contains("default-src 'none'"));
    for foreign in ["<script", "<img", "<iframe", "@import", "url(", "=\"http"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for link in values(page, "href") {
        assert!(link == "data:," || link.starts_with('#') || is_page(link) && !link.contains([':', '/']), "{link}");
    }
    let ids = values(page, "id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice");
    assert_eq!(page.matches("<h1>").count(), 1);
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
}

#[test]
fn every_report_makes_a_page() {
    let world = loaded();
    let list = world.run(&["report", "--list"]).whole().out;
    for name in list.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        let page = world.run(&["report", name, "--format", "html"]).whole().out;
        check_page(&page);
        let description = world.run(&["report", "--list", name]).whole().out;
        let question = description.lines().find_map(|line| line.trim().strip_prefix("question ")).unwrap().trim();
        assert!(question.ends_with('?'), "{name}: {question}");
        assert!(
            description.contains("  grain ") && page.contains("data extracted") || page.contains("Data extracted"),
            "{name}"
        );
    }
    let page = world.run(&["report", "pipeline_by_stage", "won_lost_by_month", "--format", "html"]).whole().out;
    check_page(&page);
    assert!(page.contains("<title>Reports</title>") && page.matches("<h2").count() == 2);
}

#[test]
fn a_page_shows_charts_and_the_numbers_behind_them() {
    let world = loaded();
    report(
        &world,
        "mine",
        "-- title: Mine <b>\n-- question: What?\n-- definition: amount = <what> & why\n-- unit: money = amount\n\
         -- chart: bar stage amount\n\n\
         SELECT * FROM (VALUES ('EUR', 'One <i>', 1234.50), ('EUR', NULL, -3.00), ('USD', 'One <i>', 7.125)) AS t(currency, stage, amount)",
    );
    let page = world.run(&["report", "mine", "--format", "html"]).whole().out;
    check_page(&page);
    // One chart a currency, each drawn for wide and for narrow pages.
    assert_eq!(page.matches("<figure>").count(), 2);
    assert_eq!(page.matches("<svg class=\"wide\"").count(), 2);
    assert_eq!(page.matches("<svg class=\"narrow\"").count(), 2);
    assert!(page.contains("<figcaption>Amount by stage, EUR</figcaption>") && page.contains(", USD</figcaption>"));
    assert!(page.contains("(none)") && page.contains("Mine &lt;b&gt;") && page.contains("&lt;what&gt; &amp; why"));
    assert!(page.contains("1\u{202f}234.50") && page.contains("title=\"7.125\">7.13"), "{page}");
    assert!(!page.contains("<i>") && !page.contains("<b>"));
    report(&world, "none", "-- title: None\n-- chart: bar a b\n\nSELECT 'x' AS a, 1 AS b WHERE false");
    let page = world.run(&["report", "none", "--format", "html"]).whole().out;
    assert!(page.contains("the answer has no rows") && !page.contains("<svg"));
    report(
        &world,
        "many",
        "-- title: Many\n-- chart: bar a b\n\nSELECT 'n' || i AS a, i AS b FROM generate_series(1, 2500) t(i)",
    );
    let page = world.run(&["report", "many", "--format", "html"]).whole().out;
    assert!(
        page.contains("the chart shows the first 30 of 2000; the table has all") || page.contains("first 30 of"),
        "{page}"
    );
    assert!(page.contains("the first 2\u{202f}000 of 2\u{202f}500 rows"));
}

#[test]
fn a_dashboard_leads_to_every_report() {
    let world = loaded();
    report(&world, "headlines", HEADLINES);
    report(&world, "a name: with blanks", "-- title: Odd\n\nSELECT 1 AS a");
    report(&world, "index", "-- title: Not the index\n\nSELECT 1 AS a");
    let run = world.run(&["dashboard", "--out", "site"]).whole();
    assert!(run.out.starts_with("site/index.html: ") && run.err.is_empty(), "{}{}", run.out, run.err);
    let index = fs::read_to_string(world.path("site/index.html")).unwrap();
    check_page(&index);
    let files = names(&world, "site");
    let links: BTreeSet<_> = values(&index, "href").into_iter().filter(|link| is_page(link)).collect();
    assert_eq!(links.len(), files.len() - 1, "each page but the index itself is linked");
    assert!(files.contains("a name: with blanks.html") && links.contains("a%20name%3A%20with%20blanks.html"));
    assert!(files.contains("index_.html") && index.contains("Not the index"));
    for file in files.iter().filter(|file| *file != "index.html") {
        let page = fs::read_to_string(world.path(&format!("site/{file}"))).unwrap();
        check_page(&page);
        assert!(page.contains("href=\"index.html\""), "{file}");
    }
    assert!(index.contains("title=\"1234567.8900\">1.23\u{202f}M\u{a0}EUR"), "{index}");
    assert!(
        index.contains("+34.6\u{202f}k (+2.9%) since last week")
            && index.contains("\u{2212}1.2 points since last week")
    );
    assert!(index.contains("Open deals &lt;now&gt;") && index.contains("nothing known of last week"));
    assert!(index.contains("every list is whole by its count") && !index.contains("class=\"banner\""));
    // Which record a row is, says the report's own page.
    let is_told = |page: &str| page.contains(">Id</th>");
    let at_risk = fs::read_to_string(world.path("site/deals_at_risk.html")).unwrap();
    assert!(is_told(&at_risk) && !is_told(&index));
    let old = world.run(&["dashboard", "--out", "old", "--as-of", "+3d", "-q"]).whole();
    assert_eq!(old.out, "");
    assert!(fs::read_to_string(world.path("old/index.html")).unwrap().contains("class=\"banner\""));
}

#[test]
fn a_report_that_fails_is_named_and_the_rest_is_written() {
    let world = loaded();
    report(&world, "broken", "-- title: Broken <one>\n\nSELECT no_such_column FROM model.leads");
    report(&world, "misspelt", "-- title: Misspelt\n-- chart: pie a b\n\nSELECT 1 AS a, 2 AS b");
    report(&world, "headlines", "-- title: Headlines\n\nSELECT 'x' AS headline");
    let run = world.run(&["dashboard", "--out", "site"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    let index = fs::read_to_string(world.path("site/index.html")).unwrap();
    check_page(&index);
    for problem in
        ["Broken &lt;one&gt; (broken): ", "no_such_column", "misspelt.sql, line 2: ", "there is no column currency"]
    {
        assert!(index.contains(problem), "{problem}: {index}");
    }
    let files = names(&world, "site");
    assert!(
        files.contains("won_lost_by_month.html") && !files.contains("broken.html") && !files.contains("misspelt.html")
    );
}

#[test]
fn a_dashboard_replaces_its_own_pages_and_nothing_else() {
    let world = loaded();
    report(&world, "passing", "-- title: Passing\n\nSELECT 1 AS a");
    fs::create_dir(world.path("site")).unwrap();
    world.run(&["dashboard", "--out", "site"]).whole();
    // What a web server wants beside it is nobody else's business.
    for (name, text) in [("robots.txt", "mine"), ("other.html", "<p>mine"), ("passing.txt", "mine")] {
        fs::write(world.path(&format!("site/{name}")), text).unwrap();
    }
    world.run(&["report", "passing", "--out", "site/saved.html"]).whole();
    fs::remove_file(world.path("sql/reports/passing.sql")).unwrap();
    world.run(&["dashboard", "--out", "site"]).whole();
    let files = names(&world, "site");
    assert!(!files.contains("passing.html"), "the page of a report that is gone is gone");
    for kept in ["robots.txt", "other.html", "passing.txt", "saved.html", "index.html"] {
        assert!(files.contains(kept), "{kept}: {files:?}");
    }
    // A page that is not ours is not replaced, wherever it is.
    fs::write(world.path("site/lead_sources.html"), "mine").unwrap();
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/notes.txt"), "mine").unwrap();
    fs::write(world.path("file"), "mine").unwrap();
    for (folder, problem) in [
        ("site", "site/lead_sources.html is there and is no page of a dashboard"),
        ("other", "other holds notes.txt and no dashboard"),
        ("file", "file is a file, and a dashboard needs a folder"),
    ] {
        let before = fs::read(world.path("site/index.html")).unwrap();
        let run = world.run(&["dashboard", "--out", folder]);
        assert_eq!(run.code, 2, "{folder}: {}", run.err);
        assert!(run.err.contains(problem), "{}", run.err);
        assert_eq!(fs::read(world.path("site/index.html")).unwrap(), before);
    }
    assert_eq!(fs::read_to_string(world.path("site/lead_sources.html")).unwrap(), "mine");
    assert_eq!(names(&world, "other").len(), 1);
    let run = World::new().run(&["dashboard", "--out", "site"]);
    assert!(run.code == 2 && run.err.contains("there is no warehouse"), "{}", run.err);
}
