//! Schemes in code: their options in YAML. One file each; the option block is named like the scheme.

pub(super) mod aws_sigv4;
mod carrier;
mod jwt;
mod oauth1;
pub(super) mod rfc9421;

pub(super) use jwt::RawJwt;
pub(super) use oauth1::RawOauth1;

use super::SchemeProblem;
use super::compile::Compiler;
use super::raw::Declaration;
use crate::sig::scheme::Scheme;

/// The native scheme that a declaration asks for; `None` where it declares one in the language.
pub(super) fn compile(
    name: &str,
    compiler: &mut Compiler<'_>,
    declaration: &Declaration,
) -> Option<Result<Scheme, Vec<SchemeProblem>>> {
    let written = written(declaration);
    let (block, others) = written.split_first()?;
    check_alone(compiler, block, others);
    let made = match declaration {
        Declaration { aws_sigv4: Some(raw), .. } => aws_sigv4::compile(name, compiler, raw),
        Declaration { jwt: Some(raw), .. } => jwt::compile(name, compiler, raw),
        Declaration { oauth1: Some(raw), .. } => oauth1::compile(name, compiler, raw),
        Declaration { rfc9421: Some(raw), .. } => rfc9421::compile(name, compiler, raw),
        _ => None,
    };
    Some(match made.filter(|_| compiler.problems.is_empty()) {
        Some(scheme) => Ok(scheme),
        None => Err(std::mem::take(&mut compiler.problems)),
    })
}

/// The option blocks of schemes in code that stand in a declaration.
pub(super) fn written(declaration: &Declaration) -> Vec<&'static str> {
    let blocks = [
        ("aws_sigv4", declaration.aws_sigv4.is_some()),
        ("jwt", declaration.jwt.is_some()),
        ("oauth1", declaration.oauth1.is_some()),
        ("rfc9421", declaration.rfc9421.is_some()),
    ];
    blocks.into_iter().filter_map(|(name, is_written)| is_written.then_some(name)).collect()
}

/// Option blocks whose values may come from `settings`.
const WITH_SETTINGS: [&str; 1] = ["aws_sigv4"];

/// Option blocks whose header a route may rename.
const WITH_NAMES: [&str; 1] = ["jwt"];

/// The words of the language mean nothing beside an option block, except `key`.
fn check_alone(compiler: &mut Compiler<'_>, block: &str, others: &[&str]) {
    let raw = compiler.declaration;
    let has_settings = WITH_SETTINGS.contains(&block);
    let words = [
        ("algorithm", raw.algorithm.is_some()),
        ("mac", raw.mac.is_some()),
        ("settings", !raw.settings.0.is_empty() && !has_settings),
        ("params", raw.params.is_some()),
        ("signature", raw.signature.is_some()),
        ("signatures", !raw.signatures.is_empty()),
        ("timestamp", raw.timestamp.is_some()),
        ("nonce", raw.nonce.is_some()),
        ("key_id", raw.key_id.is_some()),
        ("digest", raw.digest.is_some()),
        ("signed_headers", raw.signed_headers.is_some()),
        ("let", !raw.lets.0.is_empty()),
        ("require", !raw.require.is_empty()),
        ("when", !raw.when.is_empty()),
        ("message", raw.message.is_some()),
    ];
    let stray = words.into_iter().filter_map(|(name, is_written)| is_written.then_some(name));
    for name in stray.chain(others.iter().copied()) {
        let message = format!("`{name}` means nothing beside `{block}`: its options stand inside");
        compiler.problems.push(SchemeProblem { path: name.to_owned(), at: None, message, fix: None });
    }
    let renames = !raw.overrides.headers.is_empty() && !WITH_NAMES.contains(&block);
    if renames || (!raw.overrides.settings.is_empty() && !has_settings) {
        let message = format!("the header names of `{block}` are fixed, and it has no settings");
        compiler.problems.push(SchemeProblem { path: "override".to_owned(), at: None, message, fix: None });
    }
}
