//! Who asks the token: threads of their own, each with a session, so that a token that hangs takes no more of a worker than a moment.
//!
//! **Invariant:** a MAC is made with the very key that was there when the ring was loaded, or not at all.

use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use super::session::{self, Place};
use crate::sig::held::{HeldKey, Unanswered};
use crate::sig::mac::Algorithm;

/// The longest that whoever needs a MAC waits for it.
const DEADLINE: Duration = Duration::from_millis(500);
/// Milliseconds: after a failure nobody is kept waiting for the next one.
const PAUSE: u64 = 1000;
/// Sessions with one token: tokens have a bounded number of them.
const MOST: usize = 8;

const WAITING: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The threads of one token.
pub(super) struct Holder {
    jobs: Sender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
    threads: isize,
    /// Jobs that nobody waits for any more and that are not over.
    abandoned: AtomicIsize,
    born: Instant,
    trouble: Trouble,
}

/// Since when something cannot be used, and whether that was said.
#[derive(Default)]
struct Trouble {
    /// Milliseconds since the holder's birth until which nobody asks.
    until: AtomicU64,
    told: AtomicBool,
}

/// Why no MAC was made.
enum Lost {
    /// No key of the token can be used.
    Token(String),
    /// This one cannot.
    Key(String),
}

struct Job {
    key: Arc<Named>,
    algorithm: Algorithm,
    message: Vec<u8>,
    stage: Arc<AtomicU8>,
    told: SyncSender<Result<Vec<u8>, Unanswered>>,
}

/// A key by its label, and how it is known again.
pub(super) struct Named {
    label: String,
    handle: Mutex<ObjectHandle>,
    proof: (Algorithm, Vec<u8>),
    trouble: Trouble,
}

/// A key of a ring.
pub(super) struct Key {
    holder: Arc<Holder>,
    named: Arc<Named>,
    makes: Vec<Algorithm>,
}

impl Holder {
    /// Threads for the token at `place`; each opens its session when it is first asked. They end with the last key.
    pub(super) fn new(place: Place) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, MOST);
        let (jobs, queue) = mpsc::channel();
        let shared = Arc::new(Shared {
            place,
            threads: isize::try_from(threads).unwrap_or(1),
            abandoned: AtomicIsize::new(0),
            born: Instant::now(),
            trouble: Trouble::default(),
        });
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (shared, queue) = (Arc::clone(&shared), Arc::clone(&queue));
            let started = std::thread::Builder::new().name("pkcs11".to_owned()).spawn(move || shared.serve(&queue));
            if let Err(error) = started {
                tracing::error!(cause = %error, "a thread for the token could not be started");
            }
        }
        Self { jobs, shared }
    }

    pub(super) fn place(&self) -> &Place {
        &self.shared.place
    }

    fn ask(&self, key: &Arc<Named>, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unanswered> {
        if self.shared.is_away() || key.trouble.lasts(self.shared.now()) {
            return Err(Unanswered);
        }
        let (told, heard) = mpsc::sync_channel(1);
        let stage = Arc::new(AtomicU8::new(WAITING));
        let (key, message) = (Arc::clone(key), message.to_vec());
        let job = Job { key, algorithm, message, stage: Arc::clone(&stage), told };
        self.jobs.send(job).map_err(|_ended| Unanswered)?;
        if let Ok(made) = heard.recv_timeout(DEADLINE) {
            return made;
        }
        match stage.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.shared.abandoned.fetch_add(1, Ordering::AcqRel);
                self.shared.is_away_since("it does not answer in time");
                Err(Unanswered)
            }
            // It came at the last moment.
            Err(_) => heard.recv_timeout(DEADLINE).unwrap_or(Err(Unanswered)),
        }
    }
}

impl Shared {
    /// Whether every thread hangs, or the token failed just now.
    fn is_away(&self) -> bool {
        self.abandoned.load(Ordering::Acquire) >= self.threads || self.trouble.lasts(self.now())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn serve(&self, queue: &Mutex<Receiver<Job>>) {
        let mut session = None;
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            let made = if job.stage.load(Ordering::Acquire) == GIVEN_UP {
                Err(Unanswered)
            } else {
                self.make(&mut session, &job)
            };
            match job.stage.compare_exchange(WAITING, DONE, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    let _gone = job.told.send(made);
                }
                Err(_) => {
                    self.abandoned.fetch_sub(1, Ordering::AcqRel);
                }
            }
        }
    }

    /// With the session that there is, and where that fails once more with a new one: it, and what it knew, may have been lost with a connection.
    fn make(&self, session: &mut Option<Session>, job: &Job) -> Result<Vec<u8>, Unanswered> {
        if let Some(open) = session {
            let handle = *job.key.handle.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(made) = session::mac(open, handle, (job.algorithm, &job.message)) {
                self.is_back(&job.key);
                return Ok(made);
            }
            *session = None;
        }
        match self.anew(&job.key, job) {
            Ok((open, made)) => {
                *session = Some(open);
                self.is_back(&job.key);
                Ok(made)
            }
            Err(Lost::Token(why)) => {
                self.trouble.pause(self.now());
                self.is_away_since(&why);
                Err(Unanswered)
            }
            // **Threat:** a key that is gone, and may be named by anybody, must not keep the others from being used.
            Err(Lost::Key(why)) => {
                job.key.trouble.pause(self.now());
                if job.key.trouble.begins() {
                    tracing::error!(
                        token = self.place.token,
                        key = job.key.label,
                        cause = why,
                        "a key in a token is lost"
                    );
                }
                Err(Unanswered)
            }
        }
    }

    /// **Threat:** whoever may label keys in the token could put another one in the place of this.
    fn anew(&self, key: &Named, job: &Job) -> Result<(Session, Vec<u8>), Lost> {
        let open = self.place.open().map_err(Lost::Token)?;
        let handle = session::find(&open, &key.label).map_err(Lost::Key)?;
        let (algorithm, expected) = &key.proof;
        if session::proof(&open, handle, *algorithm).map_err(Lost::Key)? != *expected {
            return Err(Lost::Key("it is another one now, and has to be loaded".to_owned()));
        }
        *key.handle.lock().unwrap_or_else(PoisonError::into_inner) = handle;
        let made = session::mac(&open, handle, (job.algorithm, &job.message)).map_err(Lost::Key)?;
        Ok((open, made))
    }

    fn is_away_since(&self, why: &str) {
        if self.trouble.begins() {
            tracing::error!(token = self.place.token, cause = why, "the token that holds keys is away");
        }
    }

    fn is_back(&self, key: &Named) {
        if self.trouble.ends() {
            tracing::info!(token = self.place.token, "the token that holds keys is back");
        }
        if key.trouble.ends() {
            tracing::info!(token = self.place.token, key = key.label, "the key in the token is back");
        }
    }
}

impl Trouble {
    fn lasts(&self, now: u64) -> bool {
        now < self.until.load(Ordering::Relaxed)
    }

    fn pause(&self, now: u64) {
        self.until.store(now.saturating_add(PAUSE), Ordering::Relaxed);
    }

    /// Whether it is new.
    fn begins(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }

    /// Whether there was one.
    fn ends(&self) -> bool {
        self.told.load(Ordering::Relaxed) && self.told.swap(false, Ordering::AcqRel)
    }
}

impl Named {
    pub(super) fn new(label: String, handle: ObjectHandle, proof: (Algorithm, Vec<u8>)) -> Arc<Self> {
        Arc::new(Self { label, handle: Mutex::new(handle), proof, trouble: Trouble::default() })
    }
}

impl Key {
    pub(super) fn new(holder: Arc<Holder>, named: Arc<Named>, makes: Vec<Algorithm>) -> Self {
        Self { holder, named, makes }
    }
}

impl HeldKey for Key {
    fn mac(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unanswered> {
        self.holder.ask(&self.named, algorithm, message)
    }

    fn makes(&self, algorithm: Algorithm) -> bool {
        self.makes.contains(&algorithm)
    }
}
