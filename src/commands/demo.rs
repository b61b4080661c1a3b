//! `crmlake demo`: everything once, with nothing to configure.

use super::{
    Context,
    extract::summary_table,
    print,
    report::{Asker, Chosen},
    sandbox::today,
    write_error,
};
use crate::{
    cli::Demo,
    config::{Instance, Settings, work_folder},
    error::{Error, ExitCode},
    library::models::Semantics,
    pipeline::{self, Extraction},
    reports::{Reader, params::Given, render::Format},
    sandbox::{Options, Sandbox},
    secret::Secret,
};

/// What `_instance` says in a demo's warehouse.
const INSTANCE: &str = "demo";

pub(super) async fn run(context: Context, args: Demo) -> Result<ExitCode, Error> {
    let settings = context.settings()?;
    make_room(&settings)?;
    let key = Secret::new("demo");
    let options = Options::well_behaved(args.seed, args.scale, today(), vec![key.clone()]);
    let sandbox = Sandbox::start(0, options).await?;
    let base_url = url::Url::parse(&sandbox.url()).map_err(|error| Error::Usage(error.to_string()))?;
    let instance = Instance { name: INSTANCE.to_owned(), base_url, key, secondary_key: None };
    let warehouse = settings.warehouse.display().to_string();
    print(&format!("A made-up CRM is served at {}. Extracting all of it:\n", sandbox.url()))?;
    extract(&settings, &instance, &context, &warehouse).await?;
    let day = sandbox.pass_a_day();
    print(&format!(
        "\nA day passes in the CRM: {} deals moved, {} amounts changed, {} records created, {} deleted. Extracting again:\n",
        day.moved, day.repriced, day.created, day.deleted
    ))?;
    extract(&settings, &instance, &context, &warehouse).await?;
    let asker = Asker::new(Reader::open(&settings, None)?, Given::default(), &settings)?;
    for report in Chosen::of(&settings, &[])?.reports {
        let mut text = Vec::new();
        asker.write(&mut text, &report, Format::Table)?;
        print(&format!("\n{}", String::from_utf8_lossy(&text)))?;
    }
    print(&format!("\n{}", closing(&warehouse)))?;
    Ok(ExitCode::Whole)
}

async fn extract(settings: &Settings, instance: &Instance, context: &Context, warehouse: &str) -> Result<(), Error> {
    let extraction = Extraction {
        privacy: context.privacy(settings)?,
        semantics: Semantics::load(settings)?,
        checks: Vec::new(),
        settings: settings.clone(),
        instances: vec![instance.clone()],
        resources: pipeline::resources(&[])?,
        allow_mass_delete: false,
    };
    let summary = pipeline::extract(extraction, context.bars.clone()).await?;
    print(&summary_table(&summary, warehouse))
}

/// A demo replaces the warehouse of an earlier demo, and no other.
fn make_room(settings: &Settings) -> Result<(), Error> {
    let warehouse = settings.warehouse.as_path();
    if !warehouse.exists() {
        return Ok(());
    }
    let others = "SELECT count(*) FROM meta.sweeps WHERE instance <> 'demo'";
    let is_demo = Reader::open(settings, None).is_ok_and(|reader| {
        reader.connection().query_row(others, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 0)
    });
    if !is_demo {
        return Err(Error::Usage(format!(
            "{} is there and was not made by a demo; run the demo in an empty folder, or with --warehouse",
            warehouse.display()
        )));
    }
    let spool = work_folder(warehouse).join("spool").join(INSTANCE);
    if spool.exists() {
        std::fs::remove_dir_all(&spool).map_err(write_error(&spool))?;
    }
    std::fs::remove_file(warehouse).map_err(write_error(warehouse))
}

fn closing(warehouse: &str) -> String {
    format!(
        "Now ask your own questions of {warehouse}:\n  \
         crmlake sql \"SELECT stage, count(*) FROM model.opportunities WHERE status = 'open' GROUP BY stage\"\n  \
         crmlake report --list\n"
    )
}
