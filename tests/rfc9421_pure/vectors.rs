//! Verdicts of other libraries, and of the RFC.

use std::path::Path;

use super::*;

fn base64(text: &Value) -> Vec<u8> {
    Encoding::Base64.decode(text.as_str().unwrap().as_bytes(), false).unwrap()
}

/// What a case configures, as options.
fn options(case: &Value) -> String {
    let config = &case["config"];
    let require: Vec<&str> = config["require"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let body = if require.contains(&"content-digest") { "required" } else { "optional" };
    let authority = if config["authority_from"] == "host" { "host" } else { "public_url" };
    let (past, future) = (&config["max_age"], &config["clock_skew"]);
    let tag = config["tag"].as_str().map(|tag| format!(", tag: {tag}")).unwrap_or_default();
    format!("require: {require:?}, body: {body}, authority: {authority}, past: {past}s, future: {future}s{tag}")
}

fn received(case: &Value) -> Head {
    let target = Bytes::from(case["target"].as_str().unwrap().to_owned());
    let method = Method::new(case["method"].as_str().unwrap());
    let (authority, fields) = (Bytes::new(), Fields::default());
    let mut head = Head { method, target, authority, secure: true, fields };
    for line in case["headers"].as_array().unwrap() {
        let name = line[0].as_str().unwrap().to_ascii_lowercase();
        let value = Bytes::from(line[1].as_str().unwrap().trim_matches([' ', '\t']).to_owned());
        if name == "host" { head.authority = value } else { head.fields.append(name, value) }
    }
    head
}

fn verdict(case: &Value) -> Result<Permit, Rejection> {
    let keys = case["keys"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.map(|key| (key["id"].as_str().unwrap(), base64(&key["secret_b64"]))).collect();
    let body = match case.get("body_repeat") {
        Some(repeat) => base64(&repeat["b64"]).repeat(repeat["times"].as_u64().unwrap().try_into().unwrap()),
        None => base64(&case["body_b64"]),
    };
    let now = Moment::from_secs(case["now"].as_i64().unwrap());
    judge((&scheme(&options(case)), ring(&keys)), &received(case), &body, (case["base_url"].as_str(), now))
}

fn run(file: &str, least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let lines = std::fs::read_to_string(path).unwrap();
    let cases = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases: Vec<_> = cases.filter(|case| case["level"] == "must").collect();
    let differs = |case: &&Value| verdict(case).is_ok() != case["valid"].as_bool().unwrap();
    let wrong: Vec<_> = cases.iter().filter(differs).map(|case| (&case["case"], verdict(case).err())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(cases.len() >= least, "{file} has only {} cases", cases.len());
}

/// B.2.5 of the RFC among them.
#[test]
fn every_case_is_judged_as_published() {
    run("rfc9421.jsonl", 48);
}

/// Parameters of components, several lines, edges of URLs, other spellings: signed, changed and judged by http-message-signatures 3.0.0.
#[test]
fn every_further_case_is_judged_as_by_another_library() {
    run("rfc9421-more.jsonl", 52);
}
