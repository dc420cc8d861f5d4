//! `countersign keys add`, `retire` and `remove`: one change of one key, checked and made at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use super::super::{RUNTIME, fail, input, keygen, say};
use super::target::{Opened, Target, source};
use super::{moment, no};
use crate::keys::edit::{self, Change, Entry, Ready};
use crate::policy::seal::With;
use crate::policy::upkeep::retire::Answer;
use crate::policy::upkeep::{Member, Upkeep, Use};
use crate::sig::key::State;
use crate::sig::time::Moment;

/// Arguments of `keys add`.
#[derive(Args)]
pub(super) struct Add {
    #[command(flatten)]
    target: Target,
    /// Key id [default: k-YYYYMMDD-xxxx]
    #[arg(long, value_parser = keygen::id)]
    id: Option<String>,
    /// Whom the key speaks for [default: the key id]
    #[arg(long, value_parser = keygen::principal)]
    principal: Option<String>,
    /// When it begins to sign [default: at once]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    sign_from: Option<Moment>,
    /// A file with the secret that the other side chose; `-` is standard input
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `keys retire`.
#[derive(Args)]
pub(super) struct Retire {
    /// The key
    id: String,
    #[command(flatten)]
    target: Target,
    /// End signing only: it goes on verifying
    #[arg(long)]
    signing: bool,
    /// When [default: at once]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Moment>,
    /// Even where it is used, or nobody can tell
    #[arg(long)]
    force: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `keys remove`.
#[derive(Args)]
pub(super) struct Remove {
    /// The key
    id: String,
    #[command(flatten)]
    target: Target,
    /// Even where it is used, or nobody can tell
    #[arg(long)]
    force: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Add {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (ring, opened) = self.target.one()?;
        let mut entry = fresh(opened.now)?;
        entry.id = self.id.unwrap_or(entry.id);
        entry.principal = self.principal;
        entry.sign_from = self.sign_from;
        if let Some(path) = self.secret_file {
            let unread = |error| fail(RUNTIME, format_args!("`{}`: {error}", path.display()));
            let content = Zeroizing::new(input(&path).map_err(unread)?);
            (entry.secret, entry.encoded) = written(&content);
        }
        let (id, at_once) = (entry.id.clone(), entry.sign_from.is_none());
        let done = make(&ring, &[Change::Add(entry)], self.dry_run)?;
        say(&done);
        if ring.signs == Some(With::Newest) && at_once {
            say(&format!(
                "`{id}` signs as soon as it is loaded: those who verify must have it; `--sign-from` gives them time\n"
            ));
        }
        Ok(())
    }
}

impl Retire {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (ring, opened) = self.target.one()?;
        let at = self.at.unwrap_or(opened.now);
        if !self.force {
            if self.signing { has_signer(&ring, &self.id, at)? } else { is_safe(&ring, &opened, &self.id)? }
        }
        let Some(key) = ring.ring.place(&self.id).and_then(|place| ring.ring.at(place)) else {
            return Err(unknown(&self.id));
        };
        let earlier = |until: Option<Moment>| until.is_none_or(|until| at < until).then_some(at);
        let verify = if self.signing { None } else { earlier(key.verify.until) };
        let change = Change::Until { id: self.id, sign: earlier(key.sign.until), verify };
        make(&ring, &[change], self.dry_run).map(|done| say(&done))
    }
}

impl Remove {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (ring, opened) = self.target.one()?;
        let pending = ring
            .ring
            .place(&self.id)
            .and_then(|place| ring.ring.at(place))
            .is_some_and(|key| key.state(opened.now) == State::Pending);
        if !self.force && !pending {
            is_safe(&ring, &opened, &self.id)?;
        }
        make(&ring, &[Change::Remove { id: self.id }], self.dry_run).map(|done| say(&done))
    }
}

/// Makes the changes of one file, or says what they would be; what is returned tells of it.
pub(super) fn make(ring: &Upkeep, changes: &[Change], dry_run: bool) -> Result<String, ExitCode> {
    let source = source(&ring.origin);
    let mut told = String::new();
    for change in changes {
        let ready = edit::prepare(&source, &ring.ring, change).map_err(|refused| no(&refused))?;
        told.push_str(&shown(&ready, dry_run));
        if !dry_run {
            ready.commit().map_err(|refused| no(&refused))?;
        }
    }
    Ok(told)
}

fn shown(ready: &Ready, dry_run: bool) -> String {
    let verb = if dry_run { "would change" } else { "changed" };
    format!("{verb} {}\n  {}\n", ready.path.display(), ready.said.join("\n  "))
}

/// A key that nobody has seen yet.
pub(super) fn fresh(now: Moment) -> Result<Entry, ExitCode> {
    let mut random = Zeroizing::new([0; 34]);
    getrandom::fill(random.as_mut_slice()).map_err(|error| fail(RUNTIME, error))?;
    let (secret, tail) = random.split_at(32);
    Ok(Entry {
        id: keygen::id_of_day(now, tail),
        principal: None,
        secret: Zeroizing::new(BASE64URL_NOPAD.encode(secret)),
        encoded: false,
        created: now,
        sign_from: None,
    })
}

/// A secret as it is written into a key file, without the end of its line: text where it is plain, else base64.
fn written(content: &[u8]) -> (Zeroizing<String>, bool) {
    let line = content.strip_suffix(b"\n").map_or(content, |line| line.strip_suffix(b"\r").unwrap_or(line));
    let plain = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match std::str::from_utf8(line) {
        Ok(text) if plain => (Zeroizing::new(text.to_owned()), false),
        Ok(_) | Err(_) => (Zeroizing::new(BASE64.encode(line)), true),
    }
}

fn is_safe(ring: &Upkeep, opened: &Opened, id: &str) -> Result<(), ExitCode> {
    let Some(place) = ring.ring.place(id) else { return Err(unknown(id)) };
    let mut view = opened.view(ring);
    // Of a large ring those are listed that were used.
    if let (true, Some(key)) = (view.members.iter().all(|member| member.place != place), ring.ring.at(place)) {
        let (verified, signed) = (Use::default(), Use::default());
        view.members.push(Member { key, place, verified, signed, loaded: true });
    }
    let retire = view.members.iter().find(|member| member.place == place).map(|member| view.retire(member));
    match retire {
        Some(retire) if retire.answer != Answer::Yes => {
            let why = format!("`{id}` is not safe to retire: {}; `--force` does it all the same", retire.why);
            Err(fail(RUNTIME, why))
        }
        Some(_) | None => Ok(()),
    }
}

/// Somebody has to sign.
fn has_signer(ring: &Upkeep, id: &str, at: Moment) -> Result<(), ExitCode> {
    let mut others = ring.ring.signers(at, usize::MAX).into_iter().filter(|place| Some(*place) != ring.ring.place(id));
    if ring.signs.is_none() || others.next().is_some() {
        return Ok(());
    }
    Err(fail(RUNTIME, format_args!("no other key could sign then: add one first; `--force` does it all the same")))
}

fn unknown(id: &str) -> ExitCode {
    fail(RUNTIME, format_args!("there is no key `{id}`; `countersign keys list` shows which there are"))
}
