//! The key and the customers' data stay where they belong, whatever goes wrong.

use std::{fs, path::Path, process::Stdio, thread::sleep, time::Duration};

use crate::world::{KEY, Sandbox, World};

pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

pub fn assert_nowhere(world: &World, secret: &str) {
    for path in files(&world.path("")) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds {secret}", path.display());
    }
}

#[test]
fn no_key_and_no_record_in_any_log_or_error() {
    let faults =
        ["408=0.02", "500=0.05", "reset=0.05", "truncate=0.05", "garbage=0.05", "html=0.05", "error-flag=0.05"];
    let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
    let arguments: Vec<&str> = ["--seed", "6", "--size-cap", "10"].into_iter().chain(faults).collect();
    let sandbox = Sandbox::start(&arguments);
    let world = World::new();
    for attempts in [1, 12] {
        world.configure(&format!("[api]\nmax_attempts = {attempts}\n"));
        for format in ["text", "json"] {
            let run = world.run_with(&sandbox, &["extract", "-vvv", "--log-format", format]);
            assert!(run.err.len() > 500, "{}", run.err);
            for secret in [KEY, "@sales.example", "@prospect.example", "Fernández"] {
                assert!(!run.err.contains(secret) && !run.out.contains(secret), "{secret} in\n{}{}", run.out, run.err);
            }
            assert_nowhere(&world, KEY);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_key_in_the_argument_list_and_no_file_for_others() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = Sandbox::start(&["--seed", "6", "--size-cap", "5", "--fault", "slow=0.5"]);
    let world = World::new();
    let mut run = world.command_with(&sandbox).arg("extract").stdout(Stdio::null()).spawn().unwrap();
    sleep(Duration::from_millis(300));
    let arguments = fs::read_to_string(format!("/proc/{}/cmdline", run.id())).unwrap();
    assert!(arguments.contains("extract") && !arguments.contains(KEY), "{arguments}");
    for path in files(&world.path(".crmlake/spool")) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    assert!(run.wait().unwrap().success());
    assert_eq!(fs::metadata(world.path("crmlake.duckdb")).unwrap().permissions().mode() & 0o777, 0o600);
}
