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
        serde_json::from_str(&self.ask("GET", "/sandbox/dump", "")).unwrap()
    }

    /// What the sandbox's gateway counted.
    pub fn stats(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET", "/sandbox/stats", "")).unwrap()
    }

    /// Lets a day pass.
    pub fn day(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("POST", "/sandbox/day", "")).unwrap()
    }

    /// Sets members of a record, or of a form's field; null removes one.
    pub fn edit(&self, resource: &str, id: &str, set: &serde_json::Value) {
        let body = serde_json::json!({"resource": resource, "id": id, "set": set});
        self.ask("POST", "/sandbox/edit", &body.to_string());
    }

    /// Lets a list answer with a status; 200 lets it answer with its rows again.
    pub fn answers_with(&self, list: &str, status: u16) {
        self.ask("POST", &format!("/sandbox/status?list={list}&status={status}"), "");
    }

    /// One HTTP request, spelled out: the tests must not depend on the client they test.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nOcp-Apim-Subscription-Key: {KEY}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
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

/// A server of which a test decides every answer: what it answers to a path with its query.
pub struct Scripted {
    pub url: String,
}

/// Status, extra header lines, and body.
pub type Scene = (u16, &'static str, String);

impl Scripted {
    pub fn start(answer: impl Fn(&str) -> Scene + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = std::sync::Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = answer.clone();
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut head = String::new();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let (status, headers, body) = answer(path);
                    let length = body.len();
                    // A client that went away is no concern of the server's.
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} Scripted\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                    );
                });
            }
        });
        Self { url }
    }

    /// A server with one list, whole on page 1; every other list is empty, and every form is missing.
    pub fn list(path: &'static str, rows: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self::start(move |asked| {
            let (asked, query) = asked.split_once('?').unwrap_or((asked, ""));
            if asked == path && query.contains("page=1&") {
                (200, "", rows())
            } else if asked.contains("/forms/") || asked.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')) {
                (404, "", String::new())
            } else {
                (200, "", "[]".to_owned())
            }
        })
    }
}

impl World {
    /// Runs the binary against a scripted server.
    pub fn run_against(&self, server: &Scripted, arguments: &[&str]) -> Run {
        let mut command = self.command();
        Run::from(command.env("CRMLAKE_BASE_URL", &server.url).env("CRMLAKE_API_KEY", KEY).args(arguments))
    }

    /// The one text that a query answers.
    pub fn text(&self, query: &str) -> Option<String> {
        self.warehouse().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// What a query answers, as CSV without its header.
    pub fn ask(&self, query: &str) -> String {
        let run = self.run(&["sql", "--format", "csv", query]).whole();
        run.out.split_once('\n').unwrap().1.trim_end().to_owned()
    }
}
