//! A session with a token: the token is found by its label, and so are its keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::{Date, RawAuthPin};
use zeroize::Zeroizing;

use crate::keys::{Pkcs11, date, read};
use crate::sig::key::Window;
use crate::sig::mac::Algorithm;
use crate::sig::time::Moment;

/// What is signed to see whether a key can, and whether it is still the same.
const PROOF: &[u8] = b"countersign: which key is this?";
/// Largest file of a PIN.
const PIN: u64 = 4 << 10;
/// Tokens far away take no more than so much at once.
const PIECE: usize = 4 << 10;
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Where keys are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) module: PathBuf,
    pub(super) token: String,
    pub(super) pin_file: PathBuf,
}

/// A key as the token shows it.
pub(super) struct Listed {
    pub(super) label: String,
    pub(super) handle: ObjectHandle,
    pub(super) window: Result<Window, String>,
    /// What it makes of [`PROOF`], by each algorithm that it takes.
    pub(super) proofs: Vec<(Algorithm, Vec<u8>)>,
}

impl Place {
    pub(super) fn of(source: &Pkcs11) -> Self {
        Self { module: source.module.clone(), token: source.token.clone(), pin_file: source.pin_file.clone() }
    }

    /// A session in which keys can be used.
    pub(super) fn open(&self) -> Result<Session, String> {
        let module = module(&self.module)?;
        let slots = module.get_slots_with_token().map_err(|error| said(&error))?;
        let slot = slots.into_iter().find(|slot| self.is_in(&module, *slot));
        let slot = slot.ok_or_else(|| format!("there is no token `{}`", self.token))?;
        let session = module.open_ro_session(slot).map_err(|error| said(&error))?;
        let state = session.get_session_info().map_err(|error| said(&error))?.session_state();
        if matches!(state, SessionState::RoPublic | SessionState::RwPublic) {
            self.log_in(&session)?;
        }
        Ok(session)
    }

    fn is_in(&self, module: &Module, slot: Slot) -> bool {
        module.get_token_info(slot).is_ok_and(|info| info.label().trim_end() == self.token)
    }

    /// One at a time, and never twice with a PIN that was refused: after a few mistakes tokens lock themselves.
    fn log_in(&self, session: &Session) -> Result<(), String> {
        static REFUSED: Mutex<BTreeMap<Place, Zeroizing<Vec<u8>>>> = Mutex::new(BTreeMap::new());
        let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |why: &str| format!("pin_file {}: {why}", self.pin_file.display());
        let content = read::regular(&self.pin_file, PIN).map_err(|error| failed(&error.to_string()))?;
        let pin = Zeroizing::new(content.bytes.trim_ascii_end().to_vec());
        if pin.is_empty() {
            return Err(failed("it is empty"));
        }
        if refused.get(self).is_some_and(|before| *before == pin) {
            return Err(failed("the token has refused this PIN before, and it is not tried again"));
        }
        match session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(pin.to_vec()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                refused.remove(self);
                Ok(())
            }
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                refused.insert(self.clone(), pin);
                Err(failed("the token refuses this PIN"))
            }
            Err(error) => Err(said(&error)),
        }
    }
}

/// Modules stay loaded: one is initialized once in a process, whoever uses it.
fn module(path: &Path) -> Result<Module, String> {
    static LOADED: Mutex<BTreeMap<PathBuf, Module>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(path) {
        return Ok(module.clone());
    }
    let module = Module::new(path).map_err(|error| format!("module {}: {}", path.display(), said(&error)))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(format!("module {}: {}", path.display(), said(&error))),
    }
    loaded.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// The keys of the token whose labels begin with `prefix`, by label.
pub(super) fn list(place: &Place, prefix: &str) -> Result<Vec<Listed>, String> {
    let session = place.open()?;
    let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::Sign(true)];
    let handles = session.find_objects(&wanted).map_err(|error| said(&error))?;
    let labelled = handles.into_iter().filter_map(|handle| Some((label(&session, handle)?, handle)));
    let mut listed: Vec<Listed> = labelled
        .filter(|(label, _)| label.starts_with(prefix))
        .map(|(label, handle)| shown(&session, label, handle))
        .collect();
    listed.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(listed)
}

/// The key with this label, as long as there is one.
pub(super) fn find(session: &Session, label: &str) -> Result<ObjectHandle, String> {
    let wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Token(true),
        Attribute::Sign(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    match session.find_objects(&wanted).map_err(|error| said(&error))?.as_slice() {
        [handle] => Ok(*handle),
        _ => Err(format!("key `{label}` is not in the token any more")),
    }
}

/// What is signed to see which key it is.
pub(super) fn proof(session: &Session, handle: ObjectHandle, algorithm: Algorithm) -> Result<Vec<u8>, String> {
    mac(session, handle, (algorithm, PROOF))
}

/// The HMAC of a whole message.
pub(super) fn mac(
    session: &Session,
    handle: ObjectHandle,
    (algorithm, message): (Algorithm, &[u8]),
) -> Result<Vec<u8>, String> {
    let mechanism = mechanism(algorithm).ok_or("there is no such mechanism")?;
    let made = if message.len() <= PIECE {
        session.sign(&mechanism, handle, message)
    } else {
        in_pieces(session, handle, (&mechanism, message))
    };
    made.map_err(|error| said(&error))
}

fn in_pieces(
    session: &Session,
    handle: ObjectHandle,
    (mechanism, message): (&Mechanism<'_>, &[u8]),
) -> Result<Vec<u8>, Error> {
    session.sign_init(mechanism, handle)?;
    for piece in message.chunks(PIECE) {
        session.sign_update(piece)?;
    }
    session.sign_final()
}

/// The mechanism of PKCS #11; HMAC with SHA-3 has none here.
fn mechanism(algorithm: Algorithm) -> Option<Mechanism<'static>> {
    match algorithm {
        Algorithm::Sha1 => Some(Mechanism::Sha1Hmac),
        Algorithm::Sha256 => Some(Mechanism::Sha256Hmac),
        Algorithm::Sha384 => Some(Mechanism::Sha384Hmac),
        Algorithm::Sha512 => Some(Mechanism::Sha512Hmac),
        Algorithm::Sha3_256 | Algorithm::Sha3_384 | Algorithm::Sha3_512 => None,
    }
}

fn shown(session: &Session, label: String, handle: ObjectHandle) -> Listed {
    let proofs = Algorithm::NAMES.into_iter().map(|(_, algorithm)| algorithm);
    let proofs = proofs.filter_map(|algorithm| Some((algorithm, proof(session, handle, algorithm).ok()?))).collect();
    let window = dates(session, handle);
    Listed { label, handle, window, proofs }
}

/// From the start of the first day to the end of the last. A token need not have dates at all; where it does not tell those that there are, nobody knows
/// whether the key is over.
fn dates(session: &Session, handle: ObjectHandle) -> Result<Window, String> {
    let kinds = [AttributeType::StartDate, AttributeType::EndDate];
    let mut window = Window::default();
    for attribute in session.get_attributes(handle, &kinds).map_err(|error| said(&error))? {
        match attribute {
            Attribute::StartDate(start) => window.from = moment(start),
            Attribute::EndDate(end) => window.until = moment(end).map(|end| end.plus(DAY)),
            _ => {}
        }
    }
    Ok(window)
}

fn label(session: &Session, handle: ObjectHandle) -> Option<String> {
    match session.get_attributes(handle, &[AttributeType::Label]).ok()?.into_iter().next()? {
        Attribute::Label(label) => Some(String::from_utf8_lossy(&label).into_owned()),
        _ => None,
    }
}

/// Midnight UTC.
fn moment(date: Date) -> Option<Moment> {
    let text = [&date.year[..], b"-", &date.month, b"-", &date.day].concat();
    date::parse(std::str::from_utf8(&text).ok()?)
}

/// What a module says, in one line.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function:?} failed: {code:?}"),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}
