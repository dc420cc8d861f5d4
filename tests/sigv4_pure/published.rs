//! What others have signed and published: botocore's cases, AWS's test suite, and the examples of the S3 manual.

use std::fmt::Write as _;
use std::path::Path;

use countersign::reject::Code;
use countersign::sig::encoding::Encoding;
use countersign::sig::message::Head;
use countersign::sig::time::Moment;
use serde_json::Value;

use super::{KEY, S3, head, sign, value, verify};

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    all.filter(|case: &Value| case["level"] == "must").collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn message(case: &Value) -> Head {
    let lines: Vec<_> =
        case["headers"].as_array().unwrap().iter().map(|line| (text(&line[0]), text(&line[1]))).collect();
    let host = lines.iter().find(|(name, _)| *name == "Host").map_or("", |(_, value)| value);
    let others: Vec<_> = lines.iter().filter(|(name, _)| *name != "Host").copied().collect();
    head(text(&case["method"]), text(&case["target"]), host, &others)
}

fn body(case: &Value) -> Vec<u8> {
    Encoding::Base64.decode(text(&case["body_b64"]).as_bytes(), false).unwrap()
}

fn options(case: &Value) -> String {
    let config = &case["config"];
    let (region, service, skew) = (text(&config["region"]), text(&config["service"]), config["skew"].as_u64().unwrap());
    format!("region: {region}, service: {service}, past: {skew}s, future: {skew}s, unsigned_payload: allow")
}

fn judge(case: &Value, options: &str) -> Result<(), Code> {
    let keys = case["keys"].as_array().unwrap().iter().map(|key| (text(&key["id"]), text(&key["secret"])));
    let now = Moment::from_secs(case["now"].as_i64().unwrap());
    let verdict = verify(options, &keys.collect::<Vec<_>>(), (&message(case), &body(case)), now);
    verdict.map(drop).map_err(|rejection| rejection.code())
}

/// Every `must` case of a file; says all that differ at once.
fn run(file: &str, least: usize) {
    let (cases, mut wrong) = (cases(file), String::new());
    for case in &cases {
        let verdict = judge(case, &options(case));
        if verdict.is_ok() != case["valid"].as_bool().unwrap() {
            let _ = writeln!(wrong, "{}: {verdict:?} ({})", case["case"], case["reason"]);
        }
    }
    assert!(wrong.is_empty(), "{file}:\n{wrong}");
    assert!(cases.len() >= least, "{file} has only {} cases", cases.len());
}

#[test]
fn headers_and_presigned_urls_are_judged_as_published() {
    run("aws-sigv4.jsonl", 45);
}

#[test]
fn chunked_bodies_are_judged_as_published() {
    run("aws-sigv4-chunked.jsonl", 6);
}

#[test]
fn chunks_of_the_manual_cannot_be_reordered_dropped_or_cut() {
    let case = cases("aws-sigv4-chunked.jsonl").into_iter().find(|case| case["case"] == "aws-docs-example").unwrap();
    let (message, body, options) = (message(&case), body(&case), options(&case));
    let now = Moment::from_secs(case["now"].as_i64().unwrap());
    let judge = |body: &[u8]| verify(&options, &[KEY], (&message, body), now).err().map(|rejection| rejection.code());
    assert_eq!(judge(&body), None);
    let (first, rest) = body.split_at(5 + 17 + 64 + 2 + 65_536 + 2);
    let (second, last) = rest.split_at(rest.len() - 86);
    for (changed, code) in [
        ([second, first, last].concat(), Code::SignatureInvalid),
        ([first, last].concat(), Code::SignatureMalformed),
        ([first, second].concat(), Code::SignatureMalformed),
        (body[..body.len() - 1].to_vec(), Code::SignatureMalformed),
        ([&body, &b"0"[..]].concat(), Code::SignatureMalformed),
        (Vec::new(), Code::SignatureMalformed),
    ] {
        assert_eq!(judge(&changed), Some(code), "{} bytes", changed.len());
    }
    for place in [0, 10, 86, 90, 40_000, 65_626, 65_700, 65_800, body.len() - 5] {
        let mut changed = body.clone();
        changed[place] ^= 1;
        assert!(judge(&changed).is_some(), "byte {place}");
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html> and the page on query strings.
#[test]
fn the_examples_of_the_s3_manual_hold() {
    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const WELCOME: &str = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let (range, class) = (("Range", "bytes=0-9"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"));
    let date = ("Date", "Fri, 24 May 2013 00:00:00 GMT");
    let basic = "host;x-amz-content-sha256;x-amz-date";
    let stored = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class";
    for (method, target, fields, (signed, signature), (hash, body)) in [
        (
            "GET",
            "/test.txt",
            vec![range],
            (
                "host;range;x-amz-content-sha256;x-amz-date",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (NOTHING, ""),
        ),
        (
            "PUT",
            "/test%24file.text",
            vec![date, class],
            (stored, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            (WELCOME, "Welcome to Amazon S3."),
        ),
        (
            "GET",
            "/?lifecycle",
            vec![],
            (basic, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (NOTHING, ""),
        ),
        (
            "GET",
            "/?max-keys=2&prefix=J",
            vec![],
            (basic, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            (NOTHING, ""),
        ),
    ] {
        let scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={signed},Signature={signature}");
        let mut head = head(method, target, "examplebucket.s3.amazonaws.com", &fields);
        head.fields.append("x-amz-content-sha256", hash);
        head.fields.append("x-amz-date", "20130524T000000Z");
        head.fields.append("authorization", authorization);
        let verdict = verify(S3, &[KEY], (&head, body.as_bytes()), Moment::from_secs(1_369_353_600));
        assert_eq!(verdict.err(), None, "{method} {target}");
    }
}

#[test]
fn the_presigned_url_of_the_s3_manual_is_good_for_its_day() {
    let target = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let head = head("GET", target, "examplebucket.s3.amazonaws.com", &[]);
    let made = 1_369_353_600;
    for (options, at, code) in [
        ("", -301, Some(Code::TimestampOutsideWindow)),
        ("", -300, None),
        ("", 86_400, None),
        ("", 86_401, Some(Code::TimestampOutsideWindow)),
        (", presigned: 24h", 0, None),
        (", presigned: 23h", 0, Some(Code::RequirementUnmet)),
        (", presigned: refuse", 0, Some(Code::RequirementUnmet)),
    ] {
        let verdict = verify(&format!("{S3}{options}"), &[KEY], (&head, b""), Moment::from_secs(made + at));
        assert_eq!(verdict.err().map(|rejection| rejection.code()), code, "{options} {at}");
    }
    let covered = verify(S3, &[KEY], (&head, b"a body"), Moment::from_secs(made));
    assert_eq!(covered.err().map(|rejection| rejection.code()), Some(Code::DigestInvalid));
}

#[test]
fn what_we_sign_is_what_others_have_signed() {
    let same = ["ok-s3-path-encoded", "s3-signed-payload", "s3-unsigned-payload"];
    let cases: Vec<_> =
        cases("aws-sigv4.jsonl").into_iter().filter(|case| same.contains(&text(&case["case"]))).collect();
    assert_eq!(cases.len(), same.len());
    for case in cases {
        let published = message(&case);
        let unsigned = value(&published, "x-amz-content-sha256") == "UNSIGNED-PAYLOAD";
        let payload = if unsigned { "unsigned" } else { "signed" };
        // The secret of these cases is another than the manual's.
        let key = (text(&case["keys"][0]["id"]), text(&case["keys"][0]["secret"]));
        let made = Moment::from_secs(1_759_999_999);
        let signed = sign(&format!("{S3}, payload: {payload}"), key, (published.clone(), &body(&case)), made).unwrap();
        assert_eq!(value(&signed, "authorization"), value(&published, "authorization"), "{}", case["case"]);
    }
    let lifecycle = head("GET", "/?lifecycle", "examplebucket.s3.amazonaws.com", &[]);
    let signed = sign(S3, KEY, (lifecycle, b""), Moment::from_secs(1_369_353_600)).unwrap();
    assert!(
        value(&signed, "authorization").ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    );
}

#[test]
fn an_unsigned_body_needs_permission() {
    let all = cases("aws-sigv4.jsonl");
    let case = all.iter().find(|case| case["case"] == "s3-unsigned-payload").unwrap();
    assert_eq!(judge(case, S3), Err(Code::DigestInvalid));
    assert_eq!(judge(case, &format!("{S3}, unsigned_payload: allow")), Ok(()));
}
