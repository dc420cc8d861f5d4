//! `upstreams:` and `keyrings:` as written.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::super::field::{Field, HasShort, List, Many, Named, Short};
use super::super::values::{MethodName, Of, Status};
use super::Lint;
use super::mapping::mapping;
use crate::keys::Declared;

mapping! {
    pub(crate) struct Upstream {
        pub(crate) url: Field<String>,
        pub(crate) urls: Field<List<String>>,
        pub(crate) host: Field<Host>,
        pub(crate) tls: Field<Tls>,
        pub(crate) protocol: Field<Protocol>,
        pub(crate) max_connections: Field<u32>,
        pub(crate) timeouts: Field<Timeouts>,
        pub(crate) resolve: Field<Of<Duration>>,
        pub(crate) health: Field<Health>,
        pub(crate) lint: Field<Lint>,
    }
}

mapping! {
    pub(crate) struct Health {
        pub(crate) active: Field<Short<Active>>,
        pub(crate) passive: Field<Passive>,
        pub(crate) none_healthy: Field<NoneHealthy>,
    }
}

mapping! {
    pub(crate) struct Active {
        pub(crate) path: Field<String>,
        pub(crate) method: Field<Of<MethodName>>,
        pub(crate) host: Field<String>,
        pub(crate) status: Field<Many<Of<Status>>>,
        pub(crate) interval: Field<Of<Duration>>,
        pub(crate) timeout: Field<Of<Duration>>,
        pub(crate) passes: Field<u32>,
        pub(crate) fails: Field<u32>,
    }
}

impl HasShort for Active {
    const FORM: &'static str = "countersign::Short:path";
}

mapping! {
    pub(crate) struct Passive {
        pub(crate) fails: Field<u32>,
        pub(crate) pause: Field<Of<Duration>>,
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoneHealthy {
    Try,
    Refuse,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Host {
    Preserve,
    Upstream,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Auto,
    Http1,
    Http2,
}

mapping! {
    pub(crate) struct Tls {
        pub(crate) ca: Field<String>,
        pub(crate) certificate: Field<String>,
        pub(crate) key: Field<String>,
        pub(crate) server_name: Field<String>,
    }
}

mapping! {
    pub(crate) struct Timeouts {
        pub(crate) connect: Field<Of<Duration>>,
        pub(crate) queue: Field<Of<Duration>>,
        pub(crate) idle: Field<Of<Duration>>,
    }
}

/// Rings by name; `directory` is not a ring but where rings without an entry are found.
#[derive(Default)]
pub(crate) struct Keyrings {
    pub(crate) directory: Field<String>,
    pub(crate) rings: Vec<(String, Field<Ring>)>,
}

mapping! {
    pub(crate) struct Ring {
        pub(crate) file: Field<String>,
        pub(crate) directory: Field<String>,
        pub(crate) env: Field<Named<String>>,
        pub(crate) keys: Field<List<Declared>>,
        pub(crate) derive: Field<Derive>,
        pub(crate) pkcs11: Field<Pkcs11>,
        pub(crate) max_age: Field<Of<Duration>>,
        pub(crate) quiet: Field<Of<Duration>>,
        pub(crate) lint: Field<Lint>,
    }
}

mapping! {
    /// A token, and which of its keys are meant.
    pub(crate) struct Pkcs11 {
        pub(crate) module: Field<String>,
        pub(crate) token: Field<String>,
        pub(crate) pin_file: Field<String>,
        pub(crate) prefix: Field<String>,
    }
}

mapping! {
    /// Masters, and what becomes of them.
    pub(crate) struct Derive {
        pub(crate) file: Field<String>,
        pub(crate) directory: Field<String>,
        pub(crate) env: Field<Named<String>>,
        pub(crate) revoked: Field<String>,
        pub(crate) format: Field<Format>,
    }
}

/// How derived bytes become a secret.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Base64url,
    Base64,
    Hex,
    Raw,
}

impl<'de> Deserialize<'de> for Keyrings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Keyrings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names to keyrings, or `directory:`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keyrings, A::Error> {
                let mut keyrings = Keyrings::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "directory" {
                        keyrings.directory = map.next_value()?;
                    } else {
                        keyrings.rings.push((name, map.next_value()?));
                    }
                }
                Ok(keyrings)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
