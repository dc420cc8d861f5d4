//! Where a token sits, in YAML: exactly one of header, query and cookie.

use serde_yaml::Spanned;

use super::super::compile::Compiler;
use crate::sig::native::carrier::Carrier;
use crate::sig::template::Source;

/// A place for one token.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawCarrier {
    header: Option<String>,
    query: Option<String>,
    cookie: Option<String>,
    scheme: Option<String>,
}

impl Compiler<'_> {
    /// The carrier under `path`, and the header that a caller has to send. Without one: `Authorization` with the given scheme.
    pub(super) fn carrier(
        &mut self,
        path: &str,
        raw: Option<&Spanned<RawCarrier>>,
        auth_scheme: &str,
    ) -> Option<(Carrier, Vec<String>)> {
        let Some(raw) = raw else {
            let source = self.rename(Source::new("header", "Authorization").ok()?);
            let carrier = Carrier { source, auth_scheme: Some(auth_scheme.to_owned()) };
            return Some((carrier, vec!["Authorization".to_owned()]));
        };
        let RawCarrier { header, query, cookie, scheme } = &raw.value;
        let places = [("header", header), ("query", query), ("cookie", cookie)];
        let named: Vec<_> = places.into_iter().filter_map(|(kind, place)| Some((kind, place.as_ref()?))).collect();
        let [(kind, place)] = named.as_slice() else {
            self.say(path, &raw.referenced, "say where the token sits: exactly one of header, query, cookie");
            return None;
        };
        let source = match Source::new(kind, place) {
            Ok(Source::Header(several)) if several.len() > 1 => {
                self.say(path, &raw.referenced, "a token sits in one header");
                return None;
            }
            Ok(source) => self.rename(source),
            Err(why) => {
                self.say(path, &raw.referenced, &why);
                return None;
            }
        };
        if scheme.is_some() && *kind != "header" {
            self.say(path, &raw.referenced, "an authentication scheme stands in a header only");
        }
        let usual = place.eq_ignore_ascii_case("authorization").then(|| auth_scheme.to_owned());
        let auth_scheme = scheme.clone().or(usual).filter(|_| *kind == "header");
        let announced = if *kind == "header" { vec![(*place).clone()] } else { Vec::new() };
        Some((Carrier { source, auth_scheme }, announced))
    }
}
