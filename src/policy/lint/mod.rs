//! What is not wrong but leaves a door ajar: said by `check` and at start-up, never refused.

mod coverage;
mod reach;
mod rules;
mod secret;
mod table;

use std::sync::Arc;

use super::Policy;
use super::gate::Gate;
use super::route::{Forward, Guard, Route};
pub use reach::Reach;
pub use secret::weakness;
pub use table::{Code, Level, Row};

/// More weak keys of a ring than these are not told.
const TOLD: usize = 100;

/// Something worth saying.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Of what.
    pub place: Place,
    /// What it is called.
    pub code: Code,
    /// How loudly it is said.
    pub level: Level,
    /// What is ajar, in this case.
    pub message: String,
    /// What closes it, where the table does not say it for this case.
    pub fix: Option<String>,
    /// The scheme whose words leave it open.
    pub scheme: Option<Arc<str>>,
}

impl Finding {
    /// What to do about it. The words of a scheme that is built in are not the reader's to change.
    pub fn advice(&self, is_built_in: impl Fn(&str) -> bool) -> String {
        let row = self.code.row();
        let fix = self.fix.as_deref();
        if !self.scheme.as_deref().is_some_and(is_built_in) {
            return fix.unwrap_or(row.fix).to_owned();
        }
        let left = fix.or(row.given).unwrap_or(row.fix);
        format!("{left}; where it must stay, say why: `lint: {{allow: {{{}: \"…\"}}}}`", row.code)
    }
}

/// What a finding is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The route at this place of [`super::Routes::all`].
    Route(usize),
    /// The upstream at this place of [`Policy::upstreams`].
    Upstream(usize),
}

/// Findings about every route and upstream, in the order of the file. `reaches` says for each route which requests it takes.
pub fn findings(policy: &Policy, reaches: &[Reach]) -> Vec<Finding> {
    let routes = policy.routes.all().iter().zip(reaches).enumerate();
    let of_routes = routes.flat_map(|(place, (route, reach))| {
        let said = of_route(route, reach).into_iter();
        said.map(move |said| said.about(Place::Route(place)))
    });
    let upstreams = policy.upstreams.iter().enumerate();
    let guarded = upstreams.filter(|(place, _)| policy.routes.all().iter().any(|route| guards(route, *place)));
    let of_upstreams =
        guarded.filter_map(|(place, upstream)| Some(reach::exposed(upstream)?.about(Place::Upstream(place))));
    of_routes.chain(of_upstreams).collect()
}

fn of_route(route: &Route, reach: &Reach) -> Vec<Said> {
    let mut said = Vec::new();
    if let Guard::Verify(gate) = &route.guard {
        said.extend(rules::of(route, gate));
        let reach = reach.bound_by(&gate.captures());
        let open = gate.schemes().flat_map(|scheme| coverage::of(scheme, &route.replay, &reach));
        // What is forwarded is what was signed, whatever stood beside it.
        said.extend(open.filter(|said| route.forward != Forward::Payload || said.code != Code::BodyNotCovered));
        said.extend(weak_keys(gate));
    }
    said
}

/// Keys whose text is long enough, and which the scheme decodes into something that is not.
fn weak_keys(gate: &Gate) -> Vec<Said> {
    let mut said = Vec::new();
    for (scheme, ring) in gate.pairs() {
        let weak = crate::sig::ring::decoded(scheme, ring).filter_map(|(place, bytes)| {
            let (code, why) = weakness(bytes.expose())?;
            let key = ring.at(place).filter(|key| weakness(key.secret.expose()).is_none())?;
            let message = format!("key `{}` of `{}` {why} as scheme `{}` reads it", key.id, ring.name(), scheme.name());
            Some(Said::new(code, message))
        });
        said.extend(weak.take(TOLD));
    }
    said
}

/// Whether this route is what stands between strangers and the upstream.
fn guards(route: &Route, upstream: usize) -> bool {
    route.upstream == Some(upstream)
        && route.seal.is_none()
        && !route.observe
        && matches!(route.guard, Guard::Verify(_))
}

/// A finding that does not know its place yet.
struct Said {
    code: Code,
    level: Level,
    message: String,
    fix: Option<String>,
    scheme: Option<Arc<str>>,
}

impl Said {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, level: code.row().level, message: message.into(), fix: None, scheme: None }
    }

    /// The same with advice of its own.
    fn advised(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// The same, milder, where `mild` says so.
    fn noted_if(self, mild: bool) -> Self {
        Self { level: if mild { Level::Note } else { self.level }, ..self }
    }

    fn about(self, place: Place) -> Finding {
        let Self { code, level, message, fix, scheme } = self;
        Finding { place, code, level, message, fix, scheme }
    }
}
