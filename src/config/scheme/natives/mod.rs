//! Schemes in code: their options in YAML. One file each; the option block is named like the scheme.

mod carrier;
mod jwt;
mod oauth1;

use super::SchemeProblem;
use super::compile::Compiler;
use super::raw::Declaration;
use crate::sig::scheme::Scheme;

pub(super) use jwt::RawJwt;
pub(super) use oauth1::RawOauth1;

/// The native scheme that a declaration asks for; `None` where it declares one in the language.
pub(super) fn compile(
    name: &str,
    compiler: &mut Compiler<'_>,
    declaration: &Declaration,
) -> Option<Result<Scheme, Vec<SchemeProblem>>> {
    let block = *named(declaration).first()?;
    if named(declaration).len() > 1 || declares(declaration) {
        compiler.lacks::<()>(block, "beside the options of a scheme in code only `key` may stand", "remove the rest");
    }
    let scheme = match (&declaration.jwt, &declaration.oauth1) {
        (Some(raw), _) => jwt::compile(name, compiler, raw),
        (None, Some(raw)) => oauth1::compile(name, compiler, raw),
        (None, None) => None,
    };
    Some(scheme.filter(|_| compiler.problems.is_empty()).ok_or_else(|| std::mem::take(&mut compiler.problems)))
}

/// The option blocks of schemes in code that a declaration has.
pub(super) fn named(declaration: &Declaration) -> Vec<&'static str> {
    let blocks = [("jwt", declaration.jwt.is_some()), ("oauth1", declaration.oauth1.is_some())];
    blocks.into_iter().filter(|(_, written)| *written).map(|(name, _)| name).collect()
}

/// Whether words of the language stand beside the block: they would mean nothing.
fn declares(raw: &Declaration) -> bool {
    let evidence = raw.signature.is_some() || raw.timestamp.is_some() || raw.nonce.is_some() || raw.key_id.is_some();
    let covered = raw.message.is_some() || raw.digest.is_some() || raw.signed_headers.is_some();
    let lists = [raw.signatures.len(), raw.require.len(), raw.when.len(), raw.lets.0.len(), raw.settings.0.len()];
    let words = raw.algorithm.is_some() || raw.mac.is_some() || raw.params.is_some();
    evidence || covered || words || lists.iter().any(|length| *length > 0)
}
