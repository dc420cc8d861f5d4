//! Every built-in scheme, with anything in the headers, the query and the body that it reads: never a permit without the key.
#![no_main]

use std::sync::{Arc, LazyLock};

use countersign::config::scheme::{Declaration, builtins, compile};
use countersign::policy::gate::Gate;
use countersign::sig::scheme::Scheme;
use countersign_fuzz::{SECRET, gate, head, judge, texts};
use libfuzzer_sys::fuzz_target;

/// Those that need no setting and no public key.
static DOORS: LazyLock<Vec<(Gate, Arc<Scheme>)>> = LazyLock::new(|| {
    let read = |yaml| serde_yaml::from_str::<Declaration>(yaml).expect("a declaration");
    let schemes = builtins().iter().filter_map(|(name, yaml)| compile(name, &read(yaml)).ok()).map(Arc::new);
    let doors = schemes.map(|scheme| (gate(Arc::clone(&scheme)), scheme));
    let doors: Vec<_> = doors.filter(|(gate, _)| gate.misfits().is_empty()).collect();
    assert!(doors.len() > 40, "only {} schemes", doors.len());
    doors
});

fuzz_target!(|input: &[u8]| {
    let [name, query, body, values @ ..] = texts::<9>(input);
    let number = name.iter().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let named = DOORS.iter().find(|(_, scheme)| scheme.name().as_bytes() == name);
    let (gate, scheme) = named.unwrap_or(&DOORS[number % DOORS.len()]);
    let names = scheme.facts().known_headers.iter().map(AsRef::as_ref);
    let lines: Vec<(&[u8], &[u8])> = names.zip(values.into_iter().cycle()).collect();
    let head = head(&[b"?", query].concat(), &lines);
    // A token is the key.
    let guessed = scheme.is_token() && input.windows(SECRET.len()).any(|window| window == SECRET);
    assert!(guessed || judge(gate, &head, body).is_none(), "{}: a permit without the key", scheme.name());
});
