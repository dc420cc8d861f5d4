//! An answer as the client saw it.

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Whether the message ended as its framing says.
    pub(crate) complete: bool,
    /// What came after the body.
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
}

impl Response {
    /// The first value of a header, as text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.fields.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The value of a trailer, as text.
    pub(crate) fn trailer(&self, name: &str) -> Option<String> {
        let found = self.trailers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and stable code of a refusal; the code is empty where the body is not a problem.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        (self.status, problem.get("code").and_then(|code| code.as_str()).unwrap_or_default().to_owned())
    }

    /// `detail` of a refusal.
    pub(crate) fn detail(&self) -> String {
        self.json().get("detail").and_then(|detail| detail.as_str()).unwrap_or_default().to_owned()
    }
}
