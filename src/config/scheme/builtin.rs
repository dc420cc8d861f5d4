//! The built-in schemes: written in the user's own language, without privileges.

const BUILTINS: &[(&str, &str)] = &[
    ("cavage", include_str!("../../../schemes/cavage.yaml")),
    ("github", include_str!("../../../schemes/github.yaml")),
    ("github-legacy-sha1", include_str!("../../../schemes/github-legacy-sha1.yaml")),
    ("linear", include_str!("../../../schemes/linear.yaml")),
    ("nirah-multisig", include_str!("../../../schemes/nirah-multisig.yaml")),
    ("slack", include_str!("../../../schemes/slack.yaml")),
    ("standard-webhooks", include_str!("../../../schemes/standard-webhooks.yaml")),
    ("stripe", include_str!("../../../schemes/stripe.yaml")),
    ("timestamp-body", include_str!("../../../schemes/timestamp-body.yaml")),
];

/// Every built-in scheme: name and YAML, sorted by name.
pub fn builtins() -> &'static [(&'static str, &'static str)] {
    BUILTINS
}

/// The YAML of a built-in scheme.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|(known, _)| *known == name).map(|(_, yaml)| *yaml)
}
