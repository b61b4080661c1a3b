//! What the conformance suite needs of a destination: how to write to it, and how a reader finds what is there.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use duckdb::Connection;
use serde_json::Value;

use crate::world::{KEY, World, open};

/// The bucket of the tests.
const BUCKET: &str = "lake";

pub enum Destination {
    /// The DuckDB file.
    Warehouse,
    /// Parquet in a folder.
    Folder,
    /// Parquet in a bucket, on a server that speaks S3.
    Bucket(Server),
}

impl Destination {
    /// The binary's `extract`, against a server.
    pub fn extract(&self, world: &World, base_url: &str) -> Command {
        let mut command = world.command();
        command.env("CRMLAKE_BASE_URL", base_url).env("CRMLAKE_API_KEY", KEY).arg("extract");
        match self {
            Self::Warehouse => {}
            Self::Folder => {
                command.args(["--to", "parquet", "--out", "lake"]);
            }
            Self::Bucket(server) => {
                command.args(["--to", "parquet", "--out", &format!("s3://{BUCKET}/{}", prefix(world))]);
                command.env("AWS_ENDPOINT_URL", format!("http://{}", server.host)).env("AWS_ALLOW_HTTP", "true");
                command.env("AWS_ACCESS_KEY_ID", "test-id").env("AWS_SECRET_ACCESS_KEY", SECRET);
                command.env("AWS_REGION", "eu-central-1");
            }
        }
        command
    }

    /// Everything that a reader can find, by name: where two of these are equal, nobody saw a change.
    pub fn visible(&self, world: &World) -> Vec<(String, Vec<u8>)> {
        let Some(manifest) = self.manifest(world) else {
            let file = fs::read(world.path("crmlake.duckdb")).ok();
            return file.into_iter().map(|bytes| ("crmlake.duckdb".to_owned(), bytes)).collect();
        };
        let mut all = vec![("manifest.json".to_owned(), manifest.to_string().into_bytes())];
        for entry in manifest["resources"].as_object().unwrap().values() {
            for name in entry["snapshots"].as_array().unwrap().iter().flat_map(files) {
                let bytes = self.file(world, &name).unwrap();
                all.push((name, bytes));
            }
        }
        all
    }

    /// What a reader sees as `crm.<table>`; nothing where there is nothing yet.
    pub fn reader(&self, world: &World) -> Option<Connection> {
        if let Self::Warehouse = self {
            let path = world.path("crmlake.duckdb");
            return path.exists().then(|| open(&path));
        }
        let manifest = self.manifest(world)?;
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE SCHEMA crm").unwrap();
        for (table, entry) in manifest["resources"].as_object().unwrap() {
            let snapshots = entry["snapshots"].as_array().unwrap();
            let Some(named) = snapshots.iter().find(|snapshot| snapshot["run_id"] == entry["snapshot"]) else {
                continue;
            };
            let paths: Vec<String> = files(named).iter().map(|name| self.local(world, name)).collect();
            let paths = format!("['{}']", paths.join("', '"));
            connection
                .execute_batch(&format!(
                    "CREATE VIEW crm.{table} AS FROM read_parquet({paths}, hive_partitioning = false)"
                ))
                .unwrap();
        }
        Some(connection)
    }

    pub fn manifest(&self, world: &World) -> Option<Value> {
        let bytes = match self {
            Self::Warehouse => None,
            _ => self.file(world, "manifest.json"),
        };
        bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap())
    }

    /// The working files.
    pub fn work_folder(&self, world: &World) -> PathBuf {
        match self {
            Self::Warehouse => world.path(".crmlake"),
            Self::Folder => world.path("lake/.crmlake"),
            Self::Bucket(_) => world.path(&format!(".crmlake/buckets/s3_3a_2f_2f{BUCKET}_2f{}", prefix(world))),
        }
    }

    fn file(&self, world: &World, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Bucket(server) => server.get(&format!("/{BUCKET}/{}/{name}", prefix(world))),
            _ => fs::read(world.path("lake").join(name)).ok(),
        }
    }

    fn local(&self, world: &World, name: &str) -> String {
        let path = match self {
            Self::Bucket(_) => {
                let path = world.path(&name.replace('/', "_"));
                fs::write(&path, self.file(world, name).unwrap()).unwrap();
                path
            }
            _ => world.path("lake").join(name),
        };
        path.to_str().unwrap().to_owned()
    }
}

/// The secret key that must be nowhere but in the environment.
pub const SECRET: &str = "test-secret-91cc0f";

fn files(snapshot: &Value) -> Vec<String> {
    snapshot["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The place of a world in the bucket.
fn prefix(world: &World) -> String {
    let folder = world.path("");
    let name = folder.file_name().unwrap().to_string_lossy();
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A server that speaks S3, in a process of its own.
pub struct Server {
    process: Child,
    host: String,
}

impl Server {
    /// Starts the `moto_server` (of the Python package `moto`) that the environment names.
    pub fn start() -> Option<Self> {
        let program = std::env::var_os("CRMLAKE_TEST_S3")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { process: command.spawn().unwrap(), host: format!("127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(&server.host).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(server.ask("PUT", &format!("/{BUCKET}")).0, 200);
        Some(server)
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let (status, body) = self.ask("GET", path);
        // A reader without a name is not told that something is missing.
        assert!([200, 403, 404].contains(&status), "{path}: {status}");
        (status == 200).then_some(body)
    }

    /// One HTTP request, spelled out: the tests must not depend on the client they test.
    fn ask(&self, method: &str, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let host = &self.host;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nx-amz-acl: public-read-write\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[end + 4..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
