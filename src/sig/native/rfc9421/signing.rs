//! Writing a signature: the same options backwards.

use std::sync::Arc;

use super::base;
use super::components::Component;
use super::print::Print;
use super::structured::{Bare, Params};
use super::{ALGORITHM, Rfc9421, digest};
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::key::Key;
use crate::sig::message::Head;
use crate::sig::native::{MOST, Outgoing};
use crate::sig::ring::Prepared;

impl Rfc9421 {
    /// One label for each key, all over the same components.
    pub(super) fn write(
        &self,
        head: &mut Head,
        keys: &[Arc<Prepared>],
        outgoing: &Outgoing<'_>,
    ) -> Result<(), Rejection> {
        let components = self.to_cover(outgoing);
        if components.iter().any(Component::is_digest) {
            let digest = digest::print(outgoing.digests).ok_or(Code::SigningFailed)?;
            head.fields.set(digest::FIELD, digest);
        }
        let message = self.options.message(head, outgoing.site, outgoing.answering);
        let lines = base::base(&components, message).map_err(|rejection| unsignable(&rejection))?;
        let names = components.iter().map(Component::text).collect::<Vec<_>>().join(" ");
        let (mut inputs, mut macs) = (Vec::new(), Vec::new());
        for (place, prepared) in keys.iter().take(MOST).enumerate() {
            let key = prepared.key.as_ref().ok_or(Code::SigningFailed)?;
            let params = format!("({names}){}", Print(&self.params(key, outgoing)?));
            let mut mac = prepared.mac.clone();
            mac.update(&lines);
            mac.update(base::last_line(&params).as_bytes());
            let label = self.options.label_of(place);
            macs.push(format!("{label}=:{}:", Encoding::Base64.encode(&mac.tag()?)));
            inputs.push(format!("{label}={params}"));
        }
        head.fields.set("signature-input", inputs.join(", "));
        head.fields.set("signature", macs.join(", "));
        Ok(())
    }

    /// What is signed; the digest too wherever there is a body that must be covered.
    fn to_cover(&self, outgoing: &Outgoing<'_>) -> Vec<Component> {
        let mut all = self.options.cover(outgoing.answering).components.clone();
        let digested = all.iter().any(Component::is_digest);
        if outgoing.has_body && self.options.body && !digested {
            all.extend(Component::parse(digest::FIELD));
        }
        all
    }

    fn params(&self, key: &Key, outgoing: &Outgoing<'_>) -> Result<Params, Rejection> {
        let text = |text: &str| Bare::Text(text.to_owned());
        let mut params = vec![
            ("created".to_owned(), Bare::Integer(outgoing.now.secs())),
            ("keyid".to_owned(), text(&key.id)),
            ("alg".to_owned(), text(ALGORITHM)),
        ];
        if let Some(life) = self.options.expires {
            params.push(("expires".to_owned(), Bare::Integer(outgoing.now.plus(life).secs())));
        }
        if self.options.nonce {
            params.push(("nonce".to_owned(), text(&Encoding::Hex.encode(&outgoing.entropy))));
        }
        params.extend(self.options.tag.iter().map(|tag| ("tag".to_owned(), text(tag))));
        let visible = |byte: u8| matches!(byte, b' '..=b'~');
        if !key.id.bytes().all(visible) {
            return Err(Rejection::from(Code::SigningFailed).because("the key id is not ASCII"));
        }
        Ok(params)
    }
}

/// The outgoing message lacks something that is to be signed.
fn unsignable(rejection: &Rejection) -> Rejection {
    let note = rejection.note().unwrap_or_default().to_owned();
    Rejection::from(Code::SigningFailed).because(note)
}
