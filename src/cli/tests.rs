//! Commands that talk to a running gateway, over real sockets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::admin::fixture::{LOOPBACK, ops};
use crate::admin::{Readiness, Running, start};

struct World {
    running: Option<Running>,
    readiness: Arc<Readiness>,
    drained: Arc<AtomicU64>,
}

fn world(reload: Result<u64, Vec<Problem>>) -> World {
    let (readiness, drained) = (Arc::new(Readiness::default()), Arc::default());
    let running = start(Some(&LOOPBACK), Some(&LOOPBACK), ops(&readiness, &drained, reload)).unwrap();
    World { running: Some(running), readiness, drained }
}

impl World {
    fn health(&self) -> String {
        format!("http://{}", self.running.as_ref().and_then(|running| running.health).unwrap())
    }

    fn admin(&self) -> String {
        format!("http://{}", self.running.as_ref().and_then(|running| running.admin).unwrap())
    }
}

/// The exit code of a command line.
fn run(arguments: &[&str]) -> ExitCode {
    Arguments::try_parse_from(["countersign"].iter().chain(arguments)).unwrap().command.run()
}

#[test]
fn a_healthcheck_fails_until_the_gateway_is_ready_and_after_it_ended() {
    let mut world = world(Ok(2));
    let address = world.health();
    let check = || run(&["healthcheck", "--address", &address]);
    assert_eq!(check(), ExitCode::from(RUNTIME));
    world.readiness.serving();
    assert_eq!(check(), ExitCode::SUCCESS);
    assert_eq!(run(&["healthcheck", "--url", &format!("{address}/livez")]), ExitCode::SUCCESS);
    assert_eq!(run(&["healthcheck", "--url", &format!("{address}/nothing")]), ExitCode::from(RUNTIME));
    world.readiness.draining();
    assert_eq!(check(), ExitCode::from(RUNTIME));
    world.running.take();
    assert_eq!(check(), ExitCode::from(RUNTIME));
}

#[test]
fn a_reload_ends_with_what_became_of_the_configuration() {
    let problem = Problem {
        file: Path::new("gateway.yaml").into(),
        at: None,
        path: "routes".into(),
        message: "there is none".into(),
        fix: None,
        code: None,
    };
    let cases = [(Ok(2), ExitCode::SUCCESS), (Err(vec![problem]), ExitCode::from(CONFIGURATION))];
    for (reload, code) in cases {
        let world = world(reload);
        assert_eq!(run(&["reload", "--admin", &world.admin()]), code);
    }
}

#[test]
fn a_drain_returns_at_once_or_when_the_gateway_has_ended() {
    let mut world = world(Ok(2));
    let admin = world.admin();
    assert_eq!(run(&["drain", "--admin", &admin]), ExitCode::SUCCESS);
    assert_eq!(run(&["drain", "--admin", &admin, "--wait", "--timeout", "0s"]), ExitCode::from(RUNTIME));
    assert_eq!(world.drained.load(Ordering::Relaxed), 2);

    let (asked, running) = (Arc::clone(&world.drained), world.running.take());
    let ending = std::thread::spawn(move || {
        while asked.load(Ordering::Relaxed) < 3 {
            std::thread::yield_now();
        }
        drop(running);
    });
    let code = run(&["drain", "--admin", &admin, "--wait"]);
    ending.join().unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
}

#[test]
fn a_command_that_cannot_find_the_gateway_is_wrong_usage() {
    for command in ["reload", "drain"] {
        assert!(Arguments::try_parse_from(["countersign", command, "--admin", "nowhere"]).is_err());
        if std::env::var_os("COUNTERSIGN_CONFIG").is_none() {
            assert!(Arguments::try_parse_from(["countersign", command]).is_err());
        }
    }
}

#[test]
fn an_address_may_be_given_beside_a_configuration() {
    let both = ["countersign", "reload", "--admin", "127.0.0.1:1", "--config", "gateway.yaml"];
    assert!(Arguments::try_parse_from(both).is_ok());
}
