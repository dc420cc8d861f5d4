//! What the linter can find: one table, from which `check`, the log and the manual page are printed.

/// How loudly a finding is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// By `check`, in the log and on the status page.
    Warning,
    /// By `check --verbose` only: true of many good configurations.
    Note,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Stable: configurations and CI depend on it.
    pub code: &'static str,
    /// How loudly it is said; single findings may be milder.
    pub level: Level,
    /// What leaves a door ajar.
    pub why: &'static str,
    /// What closes it.
    pub fix: &'static str,
    /// What is left to do where that would change a scheme, and the scheme is built in.
    pub given: Option<&'static str>,
}

macro_rules! given {
    () => {
        None
    };
    ($given:literal) => {
        Some($given)
    };
}

macro_rules! codes {
    ($($name:ident $code:literal $level:ident $why:literal, $fix:literal $(, given $given:literal)?;)+) => {
        /// A stable name of something that is not wrong but leaves a door ajar.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Code {
            $(#[doc = $why] $name,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The row of the table.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => &Row {
                        code: $code,
                        level: Level::$level,
                        why: $why,
                        fix: $fix,
                        given: given!($($given)?),
                    },)+
                }
            }
        }
    };
}

codes! {
    // What the signature leaves open.
    TokenCoversNothing "token_covers_nothing" Warning "the signature covers nothing of the request: whoever has seen one can send anything", "choose a scheme that signs the request where the sender can, and keep its carrier out of logs";
    LegacySwitch "legacy_switch" Warning "the scheme runs with a switch for senders that cannot change", "remove it as soon as no sender needs it; docs/migration.md says what it leaves open";
    BodyNotCovered "body_not_covered" Warning "anybody on the way can put another body behind the signature; a note on routes for `GET` and `HEAD` only", "choose a scheme that covers the body, raw or by a signed digest, where the sender can";
    DigestNotCovered "digest_not_covered" Warning "a digest that is not always signed can be replaced together with the body", "write `when: body` in `digest`, or put its header into `signed_headers.require`", given "use a copy of the scheme that demands the digest (`countersign schemes show NAME --as OTHER`), where the sender can";
    TimestampAbsent "timestamp_absent" Warning "nothing says when the request was signed, so a captured one is good for ever; a note with replay protection", "add a `timestamp` and cover it where the sender can, or remember signatures with `replay: {by: signature, keep: …}`", given "remember signatures with `replay: {by: signature, keep: …}`";
    TimestampNotCovered "timestamp_not_covered" Warning "a captured request can be given a new timestamp", "put `{timestamp}` into the message where the sender can", given "remember signatures with `replay: {by: signature, keep: …}`";
    NonceNotCovered "nonce_not_covered" Warning "a captured request can be given a new nonce, so the nonce tells no repetition", "put `{nonce}` into the message where the sender can", given "tell repetitions by the signature, with `replay: {by: signature}`";
    PathNotCovered "path_not_covered" Warning "a request signed for one path of the route is good for every other; a note with replay protection, where only somebody on the way can redirect it", "cover `{target}`, give every path a keyring of its own, or remember signatures with `replay: {by: signature}`", given "give every path a keyring of its own, or remember signatures with `replay: {by: signature}`";
    QueryNotCovered "query_not_covered" Warning "parameters can be added and changed; a note where the path is not covered either or is a single one, and with replay protection", "cover `{target}` instead of `{path}`, or do not trust the query on this route", given "do not trust the query on this route";
    MethodNotCovered "method_not_covered" Warning "a request signed as GET is good as DELETE; a note where the path is not covered either or is a single one, and with replay protection", "cover `{method}`, or list the one method that the route takes in `methods`", given "list the one method that the route takes in `methods`";
    AmbiguousConcatenation "ambiguous_concatenation" Warning "two values of free length stand side by side, so bytes can be moved from one to the other under the same signature", "put a separator between them that neither can hold, such as a line feed, where the sender can", given "choose another scheme where the sender can";
    WeakHash "weak_hash" Warning "SHA-1 is kept for old senders only", "use sha256 or better where the sender can";
    // How long and how often a signature is good.
    WideWindow "wide_window" Warning "signatures are good for more than 15 minutes; a note where the stamp is an expiry, as in links", "a shorter `past` and `future` leave less to replay; 5m is usual";
    ReplayOff "replay_off" Warning "a captured request can be sent again; a note where the route says `replay: off`", "write `replay: {by: signature}` (with `keep:` where nothing is dated), or `replay: off` if the upstream tells repetitions";
    KeepTooShort "keep_too_short" Warning "`keep` is shorter than the time a signature is good for, and is ignored", "remove `keep`";
    SeveralAlternatives "several_alternatives" Warning "each alternative has signatures of its own: dropping one leaves a request that looks new", "accept one scheme, or make sure that nobody signs a request in two ways";
    TooManyMacs "too_many_macs" Warning "more keys than the route may try: those declared first are never tried", "remove keys that are no longer used, or raise `limits.macs` of the route";
    AllowedNobody "allowed_nobody" Warning "a rule of `allow` names a key or principal that no keyring of the route has, so nobody gets through by that name", "correct the name, or add the key";
    // Keys.
    ShortKey "short_key" Warning "a key should be as long as the hash's output, 32 bytes for SHA-256 (RFC 2104 §3); under 16 it can be guessed from one captured request", "use 32 random bytes (`countersign keygen`) where the other side lets you choose";
    LowEntropyKey "low_entropy_key" Warning "the key repeats itself, has few different bytes or holds a word of every dictionary: it can be guessed from one captured request", "use 32 random bytes (`countersign keygen`)";
    KeyTooOld "key_too_old" Warning "the key is older than `max_age` of its ring", "rotate it, or raise `max_age`";
    KeyAging "key_aging" Note "the key is in the last tenth of its `max_age`", "begin its rotation: `countersign keys rotate` says how";
    KeyWhiteSpace "key_white_space" Warning "white space at either end of a secret counts as part of it, and is seldom meant", "remove it, unless the other side has it too";
    KeyZeroByte "key_zero_byte" Warning "HMAC pads keys with zeros (RFC 2104 §2), so zero bytes at the end add nothing", "remove the zero bytes";
    InlineSecret "inline_secret" Warning "secrets stand in the configuration itself, and go wherever it goes", "move them to a `file` or a `directory`";
    KeyFileExposed "key_file_exposed" Warning "every user of this machine has access to a file with a secret", "chmod 0640, or `defaultMode: 0440` with `fsGroup` in Kubernetes";
    // The way in and the way around.
    PlainListener "plain_listener" Warning "requests can be read, and answers changed, by anybody on the way", "add `tls:`, or put it behind something that ends TLS on this machine";
    ForwardAuthExposed "forward_auth_exposed" Warning "whoever connects to a `forward_auth` listener says which request was asked for, and can spend its signature", "let it listen on loopback or a unix socket, or demand client certificates";
    UpstreamExposed "upstream_exposed" Warning "the upstream can be reached without the gateway; a note where its name only looks public", "let it listen on loopback, a unix socket or a private network, demand a client certificate of ours (`tls: {certificate, key}`), or sign what it gets";
    PublicUrlMissing "public_url_missing" Warning "the scheme signs the public URL, which no setting says for one of the route's listeners: every signed request is refused there; where none of them has one, that is a mistake", "write `public_url: https://…` on that listener or on the route, or keep the route off that listener with `listeners`";
    SigningHostsUnused "signing_hosts_unused" Warning "`signing_hosts` has no effect on a listener where everything that is signed was verified", "remove it, or sign without verifying on a route of this listener";
    // What changes with releases.
    DeprecatedField "deprecated_field" Warning "a field has another name now; the former one is still read, for two releases", "write the new name, which the warning says";
    // The linter itself.
    AllowUnused "allow_unused" Note "what `lint.allow` allows is not found any more", "remove it";
}

impl Code {
    /// The code of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.row().code == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_one_spelling() {
        for code in Code::ALL {
            let name = code.row().code;
            assert_eq!(Code::by_name(name), Some(*code), "{name} occurs twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        }
    }
}
