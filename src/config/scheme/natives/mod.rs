//! Schemes in code: their options in YAML. One file each; the option block is named like the scheme.

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
    // One line for each, e.g. `if let Some(raw) = &declaration.jwt { return Some(jwt::compile(name, compiler, raw)) }`.
    let _ = (name, compiler, declaration);
    None
}
