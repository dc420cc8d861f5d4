//! Keys in a token (PKCS #11, OASIS v2.40 and later): they never leave it, it makes the MACs. Only with the feature `pkcs11`.

mod holder;
mod session;

use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use self::holder::{Holder, Key, Named};
use self::session::{Listed, Place};
use super::Pkcs11;
use super::declared::id_is_plain;
use super::findings::{self, Findings};
use crate::sig::held::HeldKey;
use crate::sig::key::Key as SigKey;
use crate::sig::keyring::{Draft, Keyring};
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::secret::Secret;

/// The longest that a token may take to show its keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every key of the token whose label begins as the source says, as keys of a ring: the label is the id.
pub(super) fn load(source: &Pkcs11, keys: &mut Draft, findings: &mut Findings) {
    let here = findings::Place::default().field("pkcs11", None);
    let listed = match list(source) {
        Ok(listed) => listed,
        Err(why) => {
            let fix = "`pkcs11-tool --module … --list-slots` shows what the module finds; the user of this process has to be able to use it";
            findings.problem(&here, why, fix);
            return;
        }
    };
    if listed.len() > Keyring::FEW {
        let most = Keyring::FEW;
        let message = format!("the token shows {} keys, and a ring of them has {most} at most", listed.len());
        findings.problem(&here, message, "choose by `prefix`, or keep the keys of each purpose in a token of its own");
        return;
    }
    let holder = Arc::new(Holder::new(Place::of(source)));
    for found in listed {
        if let Some(key) = key(found, &holder, (&here, findings)) {
            keys.push(key);
        }
    }
}

fn key(found: Listed, holder: &Arc<Holder>, (here, findings): (&findings::Place, &mut Findings)) -> Option<SigKey> {
    if !id_is_plain(&found.label) {
        let message =
            format!("the token has a key with the label `{}`, which is no key id", found.label.escape_debug());
        findings.problem(here, message, "label it with 1 to 128 visible ASCII characters, or choose by `prefix`");
        return None;
    }
    let Some((algorithm, proof)) = found.proofs.first().cloned() else {
        let message = format!("the token makes no HMAC with its key `{}`", found.label);
        findings.problem(here, message, "keep keys of other kinds in another token, or choose by `prefix`");
        return None;
    };
    let window = match found.window {
        Ok(window) => window,
        Err(why) => {
            let message = format!("the token does not tell the dates of its key `{}`: {why}", found.label);
            findings.problem(
                here,
                message,
                "keep the key without CKA_START_DATE and CKA_END_DATE, or readable without a login",
            );
            return None;
        }
    };
    let stand_in = stand_in(holder.place(), &found.label, &proof);
    let makes = found.proofs.into_iter().map(|(algorithm, _)| algorithm).collect();
    let id: Arc<str> = found.label.as_str().into();
    let named = Named::new(found.label, found.handle, (algorithm, proof));
    let held: Arc<dyn HeldKey> = Arc::new(Key::new(Arc::clone(holder), named, makes));
    Some(SigKey {
        principal: Arc::clone(&id),
        id,
        secret: Secret::held(held, stand_in),
        sign: window,
        verify: window,
        created: window.from,
        observe: false,
    })
}

/// What the token shows, if it does in time: a module may wait for its network for as long as it likes.
fn list(source: &Pkcs11) -> Result<Vec<Listed>, String> {
    let (told, heard) = mpsc::sync_channel(1);
    let (place, prefix) = (Place::of(source), source.prefix.clone());
    let looking = move || {
        let _late = told.send(session::list(&place, &prefix));
    };
    std::thread::Builder::new().name("pkcs11-list".to_owned()).spawn(looking).map_err(|error| error.to_string())?;
    heard.recv_timeout(PATIENCE).unwrap_or_else(|_late| Err("the token does not answer".to_owned()))
}

/// Bytes that are the same for as long as the key is, and tell nobody anything.
fn stand_in(place: &Place, label: &str, proof: &[u8]) -> [u8; 32] {
    static OURS: OnceLock<[u8; 32]> = OnceLock::new();
    let ours = OURS.get_or_init(|| {
        let mut bytes = [0; 32];
        // Without randomness all of them are alike, and still nobody's: whoever asks for such a secret is never answered with it.
        let _none = getrandom::fill(&mut bytes);
        bytes
    });
    let mut mac = Mac::keyed(Algorithm::Sha256, ours);
    for part in [place.module.as_os_str().as_encoded_bytes(), place.token.as_bytes(), label.as_bytes(), proof] {
        mac.update(&part.len().to_be_bytes());
        mac.update(part);
    }
    let mut bytes = [0; 32];
    for (byte, made) in bytes.iter_mut().zip(mac.finish()) {
        *byte = made;
    }
    bytes
}
