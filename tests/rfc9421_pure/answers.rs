//! Responses, bound to the request that they answer.

use super::*;

/// Signed by http-message-signatures 3.0.0.
#[test]
fn the_base_of_a_response_is_that_of_another_library() {
    let digest = "sha-256=:K/0U9D0X/HzqJOCReoh5tLL4gLi67sG52Q+6rWVecb0=:";
    let params = "(\"@status\" \"content-type\" \"priority\";sf \"@method\";req \"@authority\";req \"@path\";req \
                  \"@query-param\";req;name=\"Pet\" \"content-digest\";req);created=1770000000;keyid=\"k-1\";alg=\"hmac-sha256\"";
    let mut asked = Head { target: "/foo?param=Value&Pet=dog".into(), authority: "example.com".into(), ..head() };
    asked.fields.append("content-digest", digest);
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    fields.append("priority", "u=1,   i");
    let names = params.strip_prefix('(').unwrap().split_once(')').unwrap().0.split_whitespace();
    let components: Vec<_> = names.map(|name| Component::parse(name).unwrap()).collect();
    let request = Asked { head: &asked, public_url: None, authority: Authority::Host };
    let lines = base(&components, Message::Response { status: 503, fields: &fields, request }).unwrap();
    let mut mac = Mac::keyed(Algorithm::Sha256, &Algorithm::Sha256.digest(b"countersign rfc9421 more"));
    mac.update(&lines);
    mac.update(last_line(params).as_bytes());
    assert_eq!(Encoding::Base64.encode(&mac.finish()), "/4p0IOYDKCI34hqTSEeYza6Ed+AjQyot3zokJgcn+qU=");
}

/// Signs an answer with `status` and `body` to the request of [`head`].
fn answer(scheme: &Arc<Scheme>, status: u16, body: &[u8]) -> Head {
    answer_to(scheme, &head(), (status, body))
}

fn answer_to(scheme: &Arc<Scheme>, request: &Head, (status, body): (u16, &[u8])) -> Head {
    let mut answer = Head { fields: Fields::default(), ..head() };
    answer.fields.append("content-type", "text/plain");
    let seal = Seal::new(Arc::clone(scheme), named(&["k1"]), With::Newest);
    let answering = Answering { status, request };
    let mut signing = seal.start_answer(&mut answer, answering, (Site::default(), NOW, [7; 16])).unwrap();
    signing.feed(body);
    signing.finish(&mut answer, None).unwrap();
    answer
}

fn believe(scheme: &Arc<Scheme>, answer: &Head, answering: Answering<'_>, body: &[u8]) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(named(&["k1"])) }]);
    let mut check = gate.open_answer(answer, answering, (Site::default(), NOW, 8))?;
    check.feed(body);
    check.close(None)
}

#[test]
fn an_answer_holds_for_its_request_status_and_body_only() {
    let invalid = Some(Code::SignatureInvalid);
    let request = head();
    let other = |change: fn(&mut Head)| {
        let mut other = head();
        change(&mut other);
        other
    };
    let bound = "response: {components: [\"@status\", '\"@method\";req', '\"x-list\";req', content-type]}";
    for options in ["", bound] {
        let scheme = scheme(options);
        let signed = answer(&scheme, 201, BODY);
        let verdict =
            |request: &Head, status, body: &[u8]| code(believe(&scheme, &signed, Answering { status, request }, body));
        assert_eq!(verdict(&request, 201, BODY), None, "{options}");
        assert_eq!(verdict(&request, 200, BODY), invalid);
        assert_eq!(verdict(&request, 201, b"else"), Some(Code::DigestInvalid));
        assert_eq!(verdict(&other(|head| head.method = Method::GET), 201, BODY), invalid);
        assert_eq!(code(verify(&scheme, &signed, BODY)), Some(Code::RequirementUnmet), "a request has no status");
    }
    let moved = other(|head| head.target = "/elsewhere".into());
    let signed = answer(&scheme(""), 200, b"");
    assert_eq!(code(believe(&scheme(""), &signed, Answering { status: 200, request: &moved }, b"")), invalid);
}

/// What keeps a captured answer from answering a like request: something that each request has alone.
#[test]
fn an_answer_that_covers_what_its_request_has_alone_holds_for_no_other() {
    let numbered = |id: &'static str| {
        let mut request = head();
        request.fields.append("x-request-id", id);
        request
    };
    for (options, other) in
        [("", None), ("response: {components: [\"@status\", '\"x-request-id\";req']}", Some(Code::SignatureInvalid))]
    {
        let scheme = scheme(options);
        let (first, second) = (numbered("one"), numbered("two"));
        let signed = answer_to(&scheme, &first, (200, BODY));
        let verdict = |request| code(believe(&scheme, &signed, Answering { status: 200, request }, BODY));
        assert_eq!((verdict(&first), verdict(&second)), (None, other), "{options}");
    }
}

#[test]
fn the_signature_of_a_request_is_none_of_its_answer() {
    let scheme = scheme("");
    let signed = sign(&scheme, &["k1"], b"");
    let request = head();
    let answering = Answering { status: 200, request: &request };
    assert_eq!(code(believe(&scheme, &signed, answering, b"")), Some(Code::RequirementUnmet));
}
