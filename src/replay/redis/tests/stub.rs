//! A small server that speaks as much of the protocol of Redis as claims need.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};

/// What the server knows, and what it was asked.
#[derive(Default)]
pub(super) struct Stub {
    pub(super) values: RefCell<HashMap<String, String>>,
    pub(super) commands: RefCell<Vec<Vec<String>>>,
    /// Held back until it is told to go on.
    pub(super) silent: Cell<bool>,
    pub(super) speaks: Notify,
    /// Another one after every start.
    pub(super) run: Cell<u8>,
    /// Whether it takes tokens.
    pub(super) counts: Cell<bool>,
    /// Its clock.
    pub(super) millis: Cell<u64>,
    /// What it says to every SET, where it is not well.
    pub(super) refusal: RefCell<Option<String>>,
    connections: RefCell<Vec<AbortHandle>>,
}

/// A fresh server, and the port where it listens.
pub(super) async fn start() -> (Rc<Stub>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stub = Rc::new(Stub::default());
    let shared = Rc::clone(&stub);
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = spawn_local(serve(Rc::clone(&shared), stream));
            shared.connections.borrow_mut().push(connection.abort_handle());
        }
    });
    (stub, port)
}

impl Stub {
    /// Ends every connection.
    pub(super) fn hang_up(&self) {
        self.connections.borrow_mut().drain(..).for_each(|connection| connection.abort());
    }

    /// Every command with this name.
    pub(super) fn asked(&self, name: &str) -> Vec<Vec<String>> {
        self.commands.borrow().iter().filter(|command| command[0] == name).cloned().collect()
    }

    fn run(&self, command: &[String]) -> String {
        self.commands.borrow_mut().push(command.to_vec());
        let mut values = self.values.borrow_mut();
        let bulk = |value: Option<&String>| value.map_or("$-1\r\n".into(), |it| format!("${}\r\n{it}\r\n", it.len()));
        match command[0].as_str() {
            "INFO" => {
                let run = format!("{:040x}", self.run.get());
                let info = format!("role:master\r\nrun_id:{run}\r\nmaster_replid:{run}\r\nmaxmemory:0\r\n");
                bulk(Some(&info))
            }
            "SET" if self.refusal.borrow().is_some() => format!("-{}\r\n", self.refusal.borrow().as_ref().unwrap()),
            "SET" if command[3] == "XX" => {
                values.entry(command[1].clone()).and_modify(|value| value.clone_from(&command[2]));
                "+OK\r\n".into()
            }
            "SET" => {
                let old = bulk(values.get(&command[1]));
                values.entry(command[1].clone()).or_insert_with(|| command[2].clone());
                old
            }
            "TIME" => {
                let (seconds, micros) = (self.millis.get() / 1000, (self.millis.get() % 1000).saturating_mul(1000));
                format!("*2\r\n{}{}", bulk(Some(&seconds.to_string())), bulk(Some(&micros.to_string())))
            }
            "GETEX" => bulk(values.get(&command[1])),
            "EVAL" if self.counts.get() => take(&mut values, command, self.millis.get()),
            "EVAL" => "-NOPERM no rights for 'eval'\r\n".into(),
            "DEL" => format!(":{}\r\n", command[1..].iter().filter(|name| values.remove(*name).is_some()).count()),
            _ => "+OK\r\n".into(),
        }
    }
}

/// What the script does, in whole milliseconds.
fn take(values: &mut HashMap<String, String>, command: &[String], now: u64) -> String {
    let micros = |text: &String| Duration::from_micros(text.trim_end_matches(".000").parse().unwrap());
    let now = Duration::from_millis(now);
    let full = values.get(&command[3]).map_or(now, micros).max(now);
    let (missing, taken) = (full.saturating_sub(now), full.saturating_add(micros(&command[4])));
    if taken.saturating_sub(now) > micros(&command[5]) {
        return format!("*2\r\n:0\r\n:{}\r\n", missing.as_micros());
    }
    values.insert(command[3].clone(), taken.as_micros().to_string());
    format!("*2\r\n:1\r\n:{}\r\n", taken.saturating_sub(now).as_micros())
}

async fn serve(stub: Rc<Stub>, stream: TcpStream) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut queued: Option<Vec<Vec<String>>> = None;
    while let Some(command) = command(&mut reader).await {
        let answer = match (command[0].as_str(), &mut queued) {
            ("MULTI", _) => {
                queued = Some(Vec::new());
                "+OK\r\n".to_owned()
            }
            ("EXEC", _) => {
                let answers: Vec<_> = queued.take().unwrap().iter().map(|command| stub.run(command)).collect();
                format!("*{}\r\n{}", answers.len(), answers.concat())
            }
            (_, Some(queue)) => {
                queue.push(command);
                "+QUEUED\r\n".to_owned()
            }
            _ => stub.run(&command),
        };
        if stub.silent.get() {
            stub.speaks.notified().await;
        }
        if writer.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn command(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for _ in 0..number(reader).await? {
        let mut part = vec![0; number(reader).await?];
        reader.read_exact(&mut part).await.ok()?;
        reader.read_exact(&mut [0; 2]).await.ok()?;
        parts.push(String::from_utf8(part).unwrap());
    }
    Some(parts)
}

async fn number(reader: &mut BufReader<OwnedReadHalf>) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}
