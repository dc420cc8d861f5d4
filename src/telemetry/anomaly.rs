//! What is unusual: the kinds in one table, and one finding as it is told.

use std::sync::Arc;

use super::network::Network;

macro_rules! kinds {
    ($($name:ident $text:literal $sentence:literal;)+) => {
        /// What is unusual.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(super) enum Kind {
            $(#[doc = $sentence] $name,)+
        }

        impl Kind {
            /// Every kind, in the order of the table.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its stable name: in the audit line and the metric.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it is, in a sentence.
            pub(super) const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)+
                }
            }
        }
    };
}

kinds! {
    KeyRefusals "key_refusals" "many more requests of this key are refused than usual";
    SourceRefusals "source_refusals" "many more requests from this network are refused than usual";
    NewNetwork "new_network" "a key is used from a network from which it was not used before";
    SkewDrift "skew_drift" "the clock of a key's sender drifts towards the edge of the window";
    RetiringKey "retiring_key" "a retiring key is still used";
    ReplayBurst "replay_burst" "many more replays of this key are refused than usual";
    UnknownKeys "unknown_keys" "many more requests than usual name a key that nobody has";
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The key that it is about.
    pub(super) key: Option<Arc<str>>,
    /// The network that it is about.
    pub(super) network: Option<Network>,
    /// How many in this minute so far, and how many are usual.
    pub(super) count: Option<(u64, u64)>,
    /// Our clock minus the stamps, in the mean, in milliseconds.
    pub(super) skew: Option<i64>,
}

impl Finding {
    /// A finding of which nothing more is said yet.
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, key: None, network: None, count: None, skew: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_every_kind_in_its_own_words() {
        let manual = include_str!("../../docs/anomalies.md");
        for kind in Kind::ALL {
            let row = format!("| `{}` | {} |", kind.name(), kind.sentence());
            assert!(manual.contains(&row), "docs/anomalies.md lacks\n{row}");
        }
    }
}
