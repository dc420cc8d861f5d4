//! A mistake between the place where it is found and the report: what serde would say, without the value.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::suggest;

/// A mistake on its way out to the next [`field::Field`], which catches it.
#[derive(Debug)]
pub(crate) enum Mistake {
    /// It is in the report.
    Reported,
    /// It is not, because serde made it and knows no place.
    Fresh {
        /// What is wrong.
        message: String,
        /// What to write instead.
        fix: Option<String>,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("reported"),
            Self::Fresh { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Mistake {}

/// **Threat:** serde's own messages quote the value, which may be a secret in the wrong place. Ours do not.
impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Fresh { message: message.to_string(), fix: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a mapping",
            Unexpected::Unit | Unexpected::Option => "nothing",
            _ => "text",
        };
        Self::custom(format!("expected {}, found {found}", plainly(expected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {}", plainly(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::Fresh {
            message: format!("unknown value {}", suggest::quoted(variant)),
            fix: suggest::fix(variant, expected.iter().copied()),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Fresh {
            message: format!("unknown field {}", suggest::quoted(field)),
            fix: suggest::fix(field, expected.iter().copied()),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Fresh { message: format!("`{field}` is missing"), fix: None }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is written twice"))
    }
}

/// Rust's names for numbers mean nothing to who writes YAML.
fn plainly(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "text".to_owned(),
        other => other.strip_prefix("struct ").map_or_else(|| other.to_owned(), |_| "a mapping".to_owned()),
    }
}
