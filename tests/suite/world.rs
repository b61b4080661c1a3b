//! What the tests need of the world: an empty folder, a sandbox process, and the binary.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use duckdb::{AccessMode, Config, Connection};
use tempfile::TempDir;

pub const KEY: &str = "test-key-5e0b6a";

/// A folder of its own, in which the binary runs.
pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary, with an environment of nothing but what a test says.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crmlake"));
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "LD_LIBRARY_PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the binary without a CRM.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command().args(arguments))
    }

    /// Runs the binary against a sandbox.
    pub fn run_with(&self, sandbox: &Sandbox, arguments: &[&str]) -> Run {
        Run::from(self.command_with(sandbox).args(arguments))
    }

    pub fn command_with(&self, sandbox: &Sandbox) -> Command {
        let mut command = self.command();
        command.env("CRMLAKE_BASE_URL", &sandbox.url).env("CRMLAKE_API_KEY", KEY);
        command
    }

    /// Writes the configuration file.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.path("crmlake.toml"), text).unwrap();
    }

    pub fn warehouse(&self) -> Connection {
        open(&self.path("crmlake.duckdb"))
    }
}

/// The one number that a query answers.
pub fn count(warehouse: &Connection, query: &str) -> i64 {
    warehouse.query_row(query, [], |row| row.get(0)).unwrap()
}

pub fn open(path: &Path) -> Connection {
    let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
    Connection::open_with_flags(path, config).unwrap()
}

/// What a run of the binary left.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<&mut Command> for Run {
    fn from(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// Fails the test unless the run was whole.
    pub fn whole(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

/// A sandbox in a process of its own.
pub struct Sandbox {
    process: Child,
    pub url: String,
}

impl Sandbox {
    pub fn start(arguments: &[&str]) -> Self {
        let world = World::new();
        let mut process = world
            .command()
            .args(["sandbox", "--port", "0"])
            .args(arguments)
            .env("CRMLAKE_API_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split("CRMLAKE_BASE_URL=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
        Self { process, url }
    }

    /// Every record as served, read as plain JSON.
    pub fn dump(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET", "/sandbox/dump")).unwrap()
    }

    /// What the sandbox's gateway counted.
    pub fn stats(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET", "/sandbox/stats")).unwrap()
    }

    /// Lets a day pass.
    pub fn day(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("POST", "/sandbox/day")).unwrap()
    }

    /// One HTTP request, spelled out: the tests must not depend on the client they test.
    fn ask(&self, method: &str, path: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nOcp-Apim-Subscription-Key: {KEY}\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        body.to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
