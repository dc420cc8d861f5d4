//! No token is asked: this program was built without the feature `pkcs11`.

use super::Pkcs11;
use super::findings::{Findings, Place};
use crate::sig::keyring::Draft;

/// Refuses the ring.
pub(super) fn load(source: &Pkcs11, _: &mut Draft, findings: &mut Findings) {
    let message = format!("the keys are in the token `{}`, and this countersign asks none", source.token);
    let fix = "build it with `--features pkcs11`: see docs/keys.md, \"Keys in a token\"";
    findings.problem(&Place::default().field("pkcs11", None), message, fix);
}
