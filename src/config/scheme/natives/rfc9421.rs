//! `rfc9421:` as written: what a signature must cover and say, and what ours does.

use super::super::compile::Compiler;
use super::super::raw::Text;
use crate::sig::native::rfc9421::base::Authority;
use crate::sig::native::rfc9421::components::Component;
use crate::sig::native::rfc9421::structured::{self, Bare};
use crate::sig::native::rfc9421::{Cover, Options, Rfc9421};
use crate::sig::scheme::Scheme;
use crate::sig::stamp::Bounds;

/// Mirrors docs/rfc9421.md field by field.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct RawRfc9421 {
    label: Option<Text>,
    tag: Option<Text>,
    require: List,
    components: List,
    response: RawCover,
    body: Option<Text>,
    created: Option<Text>,
    past: Option<Text>,
    future: Option<Text>,
    expires: Option<Text>,
    key_id: Option<Text>,
    nonce: Option<Text>,
    authority: Option<Text>,
}

/// The same of a response.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCover {
    require: List,
    components: List,
}

type List = Option<Vec<Text>>;

/// What may stand in a list of components.
struct Kind {
    path: &'static str,
    fits: fn(&Component) -> bool,
    unfit: &'static str,
    default: &'static [&'static str],
}

/// Together the default is the request, whatever it is routed by.
const REQUEST: Kind = Kind {
    path: "rfc9421",
    fits: Component::is_of_request,
    unfit: "a request has no such component",
    default: &["@method", "@authority", "@path", "@query"],
};

/// Together the default is the status and the request that is answered.
const RESPONSE: Kind = Kind {
    path: "rfc9421.response",
    fits: Component::is_of_response,
    unfit: "a response has no such component: of its request it has it with `;req`",
    default: &["@status", "\"@method\";req", "\"@authority\";req", "\"@path\";req", "\"@query\";req"],
};

const DEMANDS: [(&str, bool); 2] = [("required", true), ("optional", false)];

const AUTHORITIES: [(&str, Authority); 2] = [("host", Authority::Host), ("public_url", Authority::PublicUrl)];

pub(super) fn compile(name: &str, compiler: &mut Compiler<'_>, raw: &RawRfc9421) -> Option<Scheme> {
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
    let request = cover(compiler, &REQUEST, (&raw.require, &raw.components));
    let response = cover(compiler, &RESPONSE, (&raw.response.require, &raw.response.components));
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
        request,
        response,
        expires,
    };
    Some(Scheme::native(Rfc9421::new(name, key, options)))
}

fn bounds(compiler: &mut Compiler<'_>, raw: &RawRfc9421) -> Option<Bounds> {
    let overrides = &compiler.declaration.overrides;
    let past = compiler.duration("rfc9421.past", raw.past.as_ref(), 300);
    let future = compiler.duration("rfc9421.future", raw.future.as_ref(), 5);
    let (past, future) = (overrides.past.unwrap_or(past?), overrides.future.unwrap_or(future?));
    Some(Bounds { past, future, expiry: false })
}

/// Without `require` what is signed is demanded, and without `components` what is demanded is signed.
fn cover(compiler: &mut Compiler<'_>, kind: &Kind, (require, signed): (&List, &List)) -> Cover {
    let mut read = |name: &str, list: &List| {
        list.as_ref().map(|list| components(compiler, &format!("{}.{name}", kind.path), (kind, list)))
    };
    let (require, signed) = (read("require", require), read("components", signed));
    let default = || kind.default.iter().filter_map(|name| Component::parse(name).ok()).collect();
    let require = require.or_else(|| signed.clone()).unwrap_or_else(default);
    let components = signed.unwrap_or_else(|| require.clone());
    let lacks = |wanted: &&Component| !components.iter().any(|component| component.covers(wanted));
    for wanted in require.iter().filter(lacks) {
        let path = format!("{}.components", kind.path);
        let message = format!("`require` demands {}, which is not among them", wanted.text());
        compiler.lacks::<()>(&path, &message, "add it, or say in `require` what is enough");
    }
    Cover { require, components }
}

/// Component identifiers, each once.
fn components(compiler: &mut Compiler<'_>, path: &str, (kind, list): (&Kind, &[Text])) -> Vec<Component> {
    let mut all: Vec<Component> = Vec::new();
    for (place, text) in list.iter().enumerate() {
        let path = format!("{path}[{place}]");
        match Component::parse(&text.value) {
            Ok(component) if !(kind.fits)(&component) => compiler.say(&path, &text.referenced, kind.unfit),
            Ok(component) if all.contains(&component) => {
                compiler.say(&path, &text.referenced, "a component can be covered once only");
            }
            Ok(component) => all.push(component),
            Err(why) => compiler.say(&path, &text.referenced, why),
        }
    }
    all
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
