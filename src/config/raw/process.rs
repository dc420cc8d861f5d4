//! What is said about the process as a whole, as written: budgets, the replay store, operations listeners, logs.

use std::time::Duration;

use serde::Deserialize;

use super::super::field::{Field, HasShort, Many};
use super::super::share::Share;
use super::super::values::{Of, Size};
use super::mapping::mapping;
use crate::policy::listen::Address;

mapping! {
    pub(crate) struct Limits {
        pub(crate) memory: Field<Of<Size>>,
        pub(crate) buckets: Field<u32>,
    }
}

mapping! {
    pub(crate) struct Spool {
        pub(crate) directory: Field<String>,
        pub(crate) max: Field<Of<Size>>,
    }
}

mapping! {
    pub(crate) struct Timeouts {
        pub(crate) drain: Field<Of<Duration>>,
        pub(crate) drain_delay: Field<Of<Duration>>,
    }
}

mapping! {
    pub(crate) struct Replay {
        pub(crate) store: Field<Store>,
        pub(crate) capacity: Field<u64>,
        pub(crate) restart_guard: Field<bool>,
        pub(crate) persist: Field<String>,
        pub(crate) redis: Field<Redis>,
    }
}

mapping! {
    pub(crate) struct Redis {
        pub(crate) urls: Field<Many<String>>,
        pub(crate) sentinel: Field<String>,
        pub(crate) sentinel_user: Field<String>,
        pub(crate) sentinel_password_file: Field<String>,
        pub(crate) tls: Field<Trust>,
        pub(crate) user: Field<String>,
        pub(crate) password_file: Field<String>,
        pub(crate) database: Field<u32>,
        pub(crate) namespace: Field<String>,
        pub(crate) deadline: Field<Of<Duration>>,
    }
}

mapping! {
    pub(crate) struct Trust {
        pub(crate) ca: Field<String>,
        pub(crate) server_name: Field<String>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    Memory,
    Redis,
}

mapping! {
    pub(crate) struct Health {
        pub(crate) address: Field<Of<Address>>,
    }
}

mapping! {
    pub(crate) struct Admin {
        pub(crate) address: Field<Of<Address>>,
        pub(crate) explain: Field<bool>,
    }
}

mapping! {
    pub(crate) struct Log {
        pub(crate) filter: Field<String>,
        pub(crate) format: Field<LogFormat>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Auto,
    Text,
    Json,
}

mapping! {
    pub(crate) struct Audit {
        pub(crate) sink: Field<Sink>,
        pub(crate) path: Field<String>,
        pub(crate) address: Field<Of<Address>>,
        pub(crate) sample: Field<Share>,
        pub(crate) digest: Field<bool>,
        pub(crate) on_full: Field<OnFull>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sink {
    Off,
    Stdout,
    File,
    Syslog,
    Journald,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFull {
    Drop,
    Block,
}

mapping! {
    pub(crate) struct Anomalies {
        pub(crate) mode: Field<Switch>,
        pub(crate) factor: Field<u32>,
        pub(crate) key_refusals: Field<u32>,
        pub(crate) source_refusals: Field<u32>,
        pub(crate) unknown_keys: Field<u32>,
        pub(crate) replays: Field<u32>,
        pub(crate) skew: Field<Share>,
        pub(crate) learn: Field<Of<Duration>>,
        pub(crate) new_networks: Field<bool>,
        pub(crate) retiring_keys: Field<bool>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    On,
    Off,
}

mapping! {
    pub(crate) struct Capture {
        pub(crate) refused: Field<u32>,
        pub(crate) body: Field<Of<Size>>,
        pub(crate) keep: Field<Of<Duration>>,
        pub(crate) routes: Field<Many<String>>,
    }
}

impl HasShort for Replay {
    const FORM: &'static str = "countersign::Short:store";
}

impl HasShort for Health {
    const FORM: &'static str = "countersign::Short:address";
}

impl HasShort for Admin {
    const FORM: &'static str = "countersign::Short:address";
}

impl HasShort for Log {
    const FORM: &'static str = "countersign::Short:filter";
}

impl HasShort for Audit {
    const FORM: &'static str = "countersign::Short:sink";
}

impl HasShort for Anomalies {
    const FORM: &'static str = "countersign::Short:mode";
}
