//! `rfc9421:` as written: what a signature must cover and say, and what ours does.

use super::super::compile::Compiler;
use super::super::raw::Text;
use crate::sig::native::rfc9421::base::Authority;
use crate::sig::native::rfc9421::components::Component;
use crate::sig::native::rfc9421::structured::{self, Bare};
use crate::sig::native::rfc9421::{Options, Rfc9421};
use crate::sig::scheme::Scheme;
use crate::sig::stamp::Bounds;

/// Mirrors docs/rfc9421.md field by field.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Raw {
    label: Option<Text>,
    tag: Option<Text>,
    require: Option<Vec<Text>>,
    components: Option<Vec<Text>>,
    body: Option<Text>,
    created: Option<Text>,
    past: Option<Text>,
    future: Option<Text>,
    expires: Option<Text>,
    key_id: Option<Text>,
    nonce: Option<Text>,
    authority: Option<Text>,
}

/// Together they are the request, whatever it is routed by.
const REQUIRED: [&str; 4] = ["@method", "@authority", "@path", "@query"];

const DEMANDS: [(&str, bool); 2] = [("required", true), ("optional", false)];

const AUTHORITIES: [(&str, Authority); 2] = [("host", Authority::Host), ("public_url", Authority::PublicUrl)];

pub(super) fn compile(name: &str, compiler: &mut Compiler<'_>, raw: &Raw) -> Option<Scheme> {
    let key = compiler.declaration.key.as_ref().map(|key| compiler.key(key)).unwrap_or_default();
    let demand = |compiler: &mut Compiler<'_>, path: &str, text: &Option<Text>, default: bool| {
        text.as_ref().map_or(Some(default), |text| compiler.word(path, text, &DEMANDS))
    };
    let body = demand(compiler, "rfc9421.body", &raw.body, true);
    let created = demand(compiler, "rfc9421.created", &raw.created, true);
    let key_id = demand(compiler, "rfc9421.key_id", &raw.key_id, true);
    let nonce = demand(compiler, "rfc9421.nonce", &raw.nonce, false);
    let authority = raw
        .authority
        .as_ref()
        .map_or(Some(Authority::Host), |text| compiler.word("rfc9421.authority", text, &AUTHORITIES));
    let covered = raw.components.as_ref().map(|list| components(compiler, "rfc9421.components", list));
    let require = match (&raw.require, &covered) {
        (Some(list), _) => components(compiler, "rfc9421.require", list),
        (None, Some(covered)) => covered.clone(),
        (None, None) => REQUIRED.iter().filter_map(|name| Component::parse(name).ok()).collect(),
    };
    check_covered(compiler, &require, covered.as_deref());
    let label = raw.label.as_ref().and_then(|text| label(compiler, text));
    let tag = raw.tag.as_ref().and_then(|text| tag(compiler, text));
    let bounds = bounds(compiler, raw);
    let expires = match &raw.expires {
        Some(text) => Some(compiler.duration("rfc9421.expires", Some(text), 0)?),
        None => None,
    };
    let options = Options {
        label,
        tag,
        bounds: bounds?,
        created: created?,
        key_id: key_id?,
        nonce: nonce?,
        body: body?,
        authority: authority?,
        components: covered.unwrap_or_else(|| require.clone()),
        require,
        expires,
    };
    Some(Scheme::native(Rfc9421::new(name, key, options)))
}

fn bounds(compiler: &mut Compiler<'_>, raw: &Raw) -> Option<Bounds> {
    let overrides = &compiler.declaration.overrides;
    let past = compiler.duration("rfc9421.past", raw.past.as_ref(), 300);
    let future = compiler.duration("rfc9421.future", raw.future.as_ref(), 5);
    let (past, future) = (overrides.past.unwrap_or(past?), overrides.future.unwrap_or(future?));
    Some(Bounds { past, future, expiry: false })
}

/// Component identifiers of a request, each once.
fn components(compiler: &mut Compiler<'_>, path: &str, list: &[Text]) -> Vec<Component> {
    let mut all: Vec<Component> = Vec::new();
    for (place, text) in list.iter().enumerate() {
        let path = format!("{path}[{place}]");
        match Component::parse(&text.value) {
            Ok(component) if !component.is_of_request() => {
                compiler.say(&path, &text.referenced, "a request has no such component");
            }
            Ok(component) if all.contains(&component) => {
                compiler.say(&path, &text.referenced, "a component can be covered once only");
            }
            Ok(component) => all.push(component),
            Err(why) => compiler.say(&path, &text.referenced, why),
        }
    }
    all
}

/// What we sign must be what we would accept.
fn check_covered(compiler: &mut Compiler<'_>, require: &[Component], covered: Option<&[Component]>) {
    let Some(covered) = covered else { return };
    let lacks = |wanted: &&Component| !covered.iter().any(|component| component.covers(wanted));
    for wanted in require.iter().filter(lacks) {
        let (path, message) =
            ("rfc9421.components", format!("`require` demands {}, which is not among them", wanted.text()));
        let fix = "add it, or say in `require` what is enough";
        compiler.lacks::<()>(path, &message, fix);
    }
}

fn label(compiler: &mut Compiler<'_>, text: &Text) -> Option<String> {
    match structured::dictionary(text.value.as_bytes()).as_deref() {
        Ok([(name, _)]) if *name == text.value => Some(text.value.clone()),
        _ => compiler.refuse("rfc9421.label", text, "a label is lower-case letters, digits and `_-.*`, a letter first"),
    }
}

fn tag(compiler: &mut Compiler<'_>, text: &Text) -> Option<String> {
    let quoted = Bare::Text(text.value.clone()).to_string();
    match structured::item(quoted.as_bytes()) {
        Ok(item) if !text.value.is_empty() && item.params.is_empty() => Some(text.value.clone()),
        _ => compiler.refuse("rfc9421.tag", text, "a tag is visible ASCII"),
    }
}
