//! What a token claims: its times, who made it and for whom, and what of it the upstream is told.

use bytes::Bytes;

use super::token::{Members, Token};
use super::{Jwt, unmet};
use crate::reject::{Code, Rejection};
use crate::sig::json::Json;
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// Seconds of the year 9999: what lies beyond it was meant as milliseconds.
const LATEST: Moment = Moment::from_secs(253_402_300_799);

impl Jwt {
    /// Judges `exp`, `nbf` and `iat` (RFC 7519 §4.1); gives the stamp, where one is judged by age, and the first moment at which the token is surely over.
    pub(super) fn check_times(
        &self,
        token: &Token,
        now: Moment,
    ) -> Result<(Option<Moment>, Option<Moment>), Rejection> {
        let payload = &token.payload;
        let (exp, nbf, iat) = (self.date(payload, "exp")?, self.date(payload, "nbf")?, self.date(payload, "iat")?);
        if self.expires && exp.is_none() {
            return Err(unmet("a token without `exp` is good for ever"));
        }
        let over = exp.map(|exp| exp.plus(self.leeway));
        if over.is_some_and(|over| over <= now) {
            return Err(outside("the token has expired"));
        }
        if nbf.is_some_and(|nbf| now.plus(self.leeway) < nbf) || iat.is_some_and(|iat| now.plus(self.leeway) < iat) {
            return Err(outside("the token is not good yet"));
        }
        let Some(max_age) = self.max_age else { return Ok((None, over)) };
        let iat = iat.ok_or_else(|| unmet("a token without `iat` has no age"))?;
        let last = iat.plus(max_age).plus(self.leeway);
        if last < now {
            return Err(outside("the token is older than `max_age`"));
        }
        let stale = last.plus(Format::UnixMs.unit());
        Ok((Some(iat), Some(over.map_or(stale, |over| over.min(stale)))))
    }

    /// Whether it was made by whom we trust, for us (RFC 7519 §4.1.1 and §4.1.3).
    ///
    /// **Law:** a token that names an audience is refused by everybody who is not in it.
    pub(super) fn check_parties(&self, token: &Token) -> Result<(), Rejection> {
        let payload = &token.payload;
        let knows = |known: &[String], name: &str| known.iter().any(|one| one == name);
        if !self.issuers.is_empty() && !payload.text("iss").is_some_and(|iss| knows(&self.issuers, iss)) {
            return Err(unmet("`iss` is not a configured issuer"));
        }
        let named = match payload.find("aud") {
            None => self.audience.is_empty(),
            Some(Json::Text(aud)) => knows(&self.audience, aud),
            Some(Json::List(all)) => all.iter().any(|one| matches!(one, Json::Text(aud) if knows(&self.audience, aud))),
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) => false,
        };
        if named { Ok(()) } else { Err(unmet("`aud` does not name the configured audience")) }
    }

    /// A `NumericDate` (RFC 7519 §2): seconds, perhaps with a fraction, in plain digits.
    pub(super) fn date(&self, payload: &Members, name: &str) -> Result<Option<Moment>, Rejection> {
        let note = "`exp`, `nbf` or `iat` is not a plain number of seconds";
        let invalid = || Rejection::from(Code::TimestampInvalid).because(note);
        match payload.find(name) {
            None => Ok(None),
            Some(Json::Number(text)) => plain_seconds(text, self.stamp).map(Some).ok_or_else(invalid),
            Some(Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_)) => Err(invalid()),
        }
    }

    /// The `jti` of a token that is good for one use.
    pub(super) fn nonce(&self, token: &Token) -> Result<Option<Bytes>, Rejection> {
        if !self.single {
            return Ok(None);
        }
        let is_nonce =
            |text: &&str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let jti = token.payload.text("jti").filter(is_nonce).ok_or(Code::NonceInvalid)?;
        Ok(Some(Bytes::copy_from_slice(jti.as_bytes())))
    }

    /// Headers for the upstream. An absent claim is an absent header, whatever the client sent.
    pub(super) fn sets(&self, token: &Token) -> Result<Vec<(Bytes, Bytes)>, Rejection> {
        let mut sets = Vec::with_capacity(self.claims.len());
        for (claim, header) in &self.claims {
            if let Some(value) = token.payload.find(claim) {
                let value = field_value(value).ok_or_else(|| unmet("a claim cannot stand in a header"))?;
                sets.push((header.clone(), value));
            }
        }
        Ok(sets)
    }
}

/// What is finer than a millisecond is dropped.
fn plain_seconds(text: &str, format: Format) -> Option<Moment> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = format.parse(whole.as_bytes())?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    let moment = Moment::from_millis(whole.millis().checked_add(millis.parse().ok()?)?);
    (moment <= LATEST).then_some(moment)
}

/// A scalar as a header value: visible ASCII, spaces within.
fn field_value(claim: &Json) -> Option<Bytes> {
    let text = match claim {
        Json::Text(text) => text.clone(),
        Json::Number(digits) => digits.clone(),
        Json::Bool(truth) => truth.to_string(),
        Json::Null | Json::List(_) | Json::Object(_) => return None,
    };
    let plain = !text.is_empty() && text.trim_ascii() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    plain.then(|| Bytes::from(text))
}

fn outside(note: &'static str) -> Rejection {
    Rejection::from(Code::TimestampOutsideWindow).because(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_plain_seconds_with_or_without_a_fraction() {
        for (text, millis) in [
            ("0", Some(0)),
            ("1760000060", Some(1_760_000_060_000)),
            ("1760000060.5", Some(1_760_000_060_500)),
            ("1760000060.0009", Some(1_760_000_060_000)),
            ("1760000060.12345", Some(1_760_000_060_123)),
            ("253402300799", Some(253_402_300_799_000)),
            ("253402300800", None),
            ("1760000000000", None),
            ("1.76e9", None),
            ("1e9", None),
            ("-1", None),
            ("-0", None),
        ] {
            assert_eq!(plain_seconds(text, Format::Unix).map(Moment::millis), millis, "{text}");
        }
    }

    #[test]
    fn only_a_scalar_of_visible_ascii_can_stand_in_a_header() {
        for (json, value) in [
            (r#""user-1""#, Some("user-1")),
            (r#""a b""#, Some("a b")),
            ("17", Some("17")),
            ("1.50", Some("1.50")),
            ("true", Some("true")),
            ("null", None),
            (r#""""#, None),
            (r#"" a""#, None),
            (r#""a\r\nX-Admin: 1""#, None),
            (r#""a\tb""#, None),
            (r#""Zo\u00eb""#, None),
            (r#"["a"]"#, None),
            ("{}", None),
        ] {
            let json = Json::parse(json.as_bytes()).unwrap();
            assert_eq!(field_value(&json).as_deref(), value.map(str::as_bytes), "{json:?}");
        }
    }
}
