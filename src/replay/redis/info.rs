//! What a server says of itself, and whether claims can be trusted to it.

/// Who a server is, so far as its claims are concerned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Info {
    /// Another one after every start and every promotion: then claims may be lost.
    pub(super) identity: String,
}

impl Info {
    /// Reads the answer to `INFO server replication memory`. Several primaries that know nothing of each other are no store.
    pub(super) fn of(text: &[u8], wants_cluster: bool) -> Result<Self, String> {
        let text = String::from_utf8_lossy(text);
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        if value("role") != Some("master") {
            return Err("it is a replica".to_owned());
        }
        if wants_cluster && value("redis_mode") != Some("cluster") {
            return Err("it is no node of a cluster: write one URL, or `sentinel`".to_owned());
        }
        // **Threat:** a claim that is evicted is a replay that passes.
        match (value("maxmemory"), value("maxmemory_policy")) {
            (Some("0"), _) | (Some(_), Some("noeviction")) => {}
            (_, policy) => {
                let policy = policy.unwrap_or("unknown");
                return Err(format!("its maxmemory-policy `{policy}` would forget claims: set noeviction"));
            }
        }
        let (Some(run), Some(history)) = (value("run_id"), value("master_replid")) else {
            return Err("it does not say who it is".to_owned());
        };
        let id = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !id(run) || !id(history) {
            return Err("it does not say who it is".to_owned());
        }
        Ok(Self { identity: format!("{run}:{history}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(role: &str, most: &str, policy: &str) -> Result<Info, String> {
        let (run, history) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "# Server\r\nrun_id:{run}\r\n# Memory\r\nmaxmemory:{most}\r\nmaxmemory_policy:{policy}\r\n\
             # Replication\r\nrole:{role}\r\nmaster_replid:{history}\r\nmaster_replid2:{history}\r\n"
        );
        Info::of(text.as_bytes(), false)
    }

    #[test]
    fn a_primary_that_forgets_nothing_is_trusted() {
        let identity = format!("{}:{}", "a".repeat(40), "b".repeat(40));
        assert_eq!(info("master", "0", "allkeys-lru"), Ok(Info { identity: identity.clone() }));
        assert_eq!(info("master", "1000", "noeviction"), Ok(Info { identity }));
        assert!(info("slave", "0", "noeviction").is_err());
        for policy in ["allkeys-lru", "volatile-ttl"] {
            assert!(info("master", "1000", policy).is_err_and(|why| why.contains("noeviction")), "{policy}");
        }
        for short in ["role:master\r\nmaxmemory:0\r\nrun_id:x\r\nmaster_replid:y\r\n", "role:master\r\n"] {
            assert!(Info::of(short.as_bytes(), false).is_err(), "{short}");
        }
        assert!(Info::of(b"role:master\r\nredis_mode:standalone\r\n", true).is_err_and(|why| why.contains("cluster")));
    }
}
