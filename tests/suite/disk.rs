//! A disk that fills up while a run writes: a clear error, the old file as it was, and nothing left behind.
//!
//! Takes a small file system of its own, and so root on Linux; elsewhere there is nothing to fill.

use std::{fs, path::Path, process::Command};

use crate::world::{Run, Sandbox, World};

/// A file system in memory, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, kilobytes: u64) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(self.0).status().unwrap().success());
    }
}

#[test]
fn a_full_disk_leaves_the_old_warehouse() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let base = World::new();
    base.run_with(&sandbox, &["extract"]).whole();
    let old = fs::read(base.path("crmlake.duckdb")).unwrap();
    sandbox.day();
    let size = old.len() as u64 / 1_024;
    // Too small for the spool, for the copy, for what the run adds, for the checkpoint; at last large enough.
    let rooms = [size + 100, size + size / 2, 2 * size + 400, 2 * size + 900, 4 * size + 20_000];
    let mut codes = Vec::new();
    for room in rooms {
        let at = base.path("disk");
        let Some(disk) = SmallDisk::mount(&at, room) else {
            eprintln!("no file system can be mounted here: not tested");
            return;
        };
        let warehouse = at.join("crmlake.duckdb");
        fs::write(&warehouse, &old).unwrap();
        let run = Run::from(base.command_with(&sandbox).args(["extract", "--warehouse"]).arg(&warehouse));
        if run.code == 0 {
            assert_ne!(fs::read(&warehouse).unwrap(), old);
        } else {
            assert_eq!(run.code, 1, "{room}: {}", run.err);
            assert!(run.err.to_lowercase().contains("no space left"), "{room}: {}", run.err);
            assert!(!run.err.contains("panicked"), "{room}: {}", run.err);
            assert!(fs::read(&warehouse).unwrap() == old, "{room} KiB changed the old warehouse");
            let write = at.join(".crmlake/write");
            let left = fs::read_dir(&write).map(|left| left.flatten().filter(|entry| entry.path().is_file()).count());
            assert_eq!(left.unwrap_or(0), 0, "{room} KiB left a copy behind");
        }
        codes.push(run.code);
        drop(disk);
    }
    assert!(codes.starts_with(&[1, 1]) && codes.ends_with(&[0]), "{codes:?}");
}
