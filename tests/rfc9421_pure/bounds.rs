//! What is read before it is believed has bounds: signatures, components, and the length of what they cover.

use super::*;

const PARAMS: &str = "created=1760000000;keyid=\"k1\"";
const REFUSED: Option<Code> = Some(Code::SignatureMalformed);

fn loose(more: &str) -> Arc<Scheme> {
    scheme(&format!("require: [], body: optional{more}"))
}

/// A label, what it covers of the fields `x-0`, `x-1`, … and whether it is right.
fn labelled(label: &str, covered: usize, right: bool) -> (String, String) {
    let names: Vec<String> = (0..covered).map(|place| format!("\"x-{place}\"")).collect();
    let input = format!("({});{PARAMS}", names.join(" "));
    let mut mac = Mac::keyed(Algorithm::Sha256, b"the secret of k1");
    for name in names {
        mac.update(format!("{name}: v\n").as_bytes());
    }
    mac.update(format!("\"@signature-params\": {input}").as_bytes());
    let mac = if right { mac.finish() } else { vec![0; 32] };
    (format!("{label}={input}"), format!("{label}=:{}:", Encoding::Base64.encode(&mac)))
}

/// The verdict on a request with these labels, of which only the last is right.
fn verdict(scheme: &Arc<Scheme>, labels: &[(String, usize)]) -> Option<Code> {
    let mut head = head();
    (0..100).for_each(|place| head.fields.append(format!("x-{place}"), "v"));
    let last = labels.len().saturating_sub(1);
    let signed = labels.iter().enumerate().map(|(place, (label, covered))| labelled(label, *covered, place == last));
    let (inputs, macs): (Vec<String>, Vec<String>) = signed.unzip();
    head.fields.append("signature-input", inputs.join(", "));
    head.fields.append("signature", macs.join(", "));
    code(verify(scheme, &head, b""))
}

#[test]
fn four_signatures_are_read_and_a_fifth_is_refused() {
    for (count, expected) in [(1, None), (4, None), (5, REFUSED), (16, REFUSED)] {
        let labels: Vec<_> = (0..count).map(|place| (format!("a{place}"), 1)).collect();
        assert_eq!(verdict(&loose(""), &labels), expected, "{count}");
    }
}

#[test]
fn labels_that_do_not_count_are_sixteen_at_most() {
    for (others, expected) in [(4, None), (15, None), (16, REFUSED)] {
        let mut labels: Vec<_> = (0..others).map(|place| (format!("a{place}"), 1)).collect();
        labels.push(("gw".to_owned(), 1));
        assert_eq!(verdict(&loose(", label: gw"), &labels), expected, "{others}");
    }
}

#[test]
fn sixty_four_components_over_all_signatures_are_read_and_one_more_is_refused() {
    for (covered, expected) in [
        (&[64][..], None),
        (&[65], REFUSED),
        (&[32, 32], None),
        (&[33, 32], REFUSED),
        (&[64, 0], None),
        (&[64, 1], REFUSED),
        (&[16, 16, 16, 16], None),
        (&[16, 16, 16, 17], REFUSED),
    ] {
        let labels: Vec<_> = covered.iter().enumerate().map(|(place, count)| (format!("a{place}"), *count)).collect();
        assert_eq!(verdict(&loose(""), &labels), expected, "{covered:?}");
    }
    let labels = [("other".to_owned(), 64), ("gw".to_owned(), 64)];
    assert_eq!(verdict(&loose(", label: gw"), &labels), None, "of a label that does not count none is read");
}

#[test]
fn a_field_that_is_parsed_has_8_kib_at_most() {
    let missing = Some(Code::CoveredFieldMissing);
    let text = |length: usize| format!("a=\"{}\"", "y".repeat(length - 4));
    let (edge, over) = (text(8192), text(8193));
    let (half, more) = (text(8187), text(8188));
    for (component, lines, value, expected) in [
        ("\"x\";sf", vec![&edge], edge.clone(), None),
        ("\"x\";sf", vec![&over], over.clone(), missing),
        ("\"x\";key=\"a\"", vec![&edge], edge[2..].to_owned(), None),
        ("\"x\";key=\"a\"", vec![&over], over[2..].to_owned(), missing),
        ("\"x\";sf", vec![&half, &"b=1".to_owned()], format!("{half}, b=1"), None),
        ("\"x\";sf", vec![&more, &"b=1".to_owned()], format!("{more}, b=1"), missing),
        ("\"x\";key=\"b\"", vec![&half, &"b=1".to_owned()], "1".to_owned(), None),
        ("\"x\";key=\"b\"", vec![&more, &"b=1".to_owned()], "1".to_owned(), missing),
        ("\"x\"", vec![&over], over.clone(), None),
        ("\"x\";bs", vec![&over], format!(":{}:", Encoding::Base64.encode(over.as_bytes())), None),
    ] {
        let mut head = forge(&format!("{component}: {value}\n"), &format!("({component});{PARAMS}"));
        for line in lines {
            head.fields.append("x", (*line).clone());
        }
        assert_eq!(code(verify(&loose(""), &head, b"")), expected, "{component} of {} bytes", value.len());
    }
}

#[test]
fn a_carrier_has_8_kib_at_most() {
    for (length, expected) in [(8192, None), (8193, REFUSED)] {
        let rest = format!("{LABEL}=();{PARAMS};tag=\"\"").len();
        let head = forge("", &format!("();{PARAMS};tag=\"{}\"", "t".repeat(length - rest)));
        assert_eq!(text(&head, "signature-input").len(), length);
        assert_eq!(code(verify(&loose(""), &head, b"")), expected, "{length}");
    }
}

/// The claim is on every MAC: were it over with the first, the second would pass again alone.
#[test]
fn a_permit_is_fresh_as_long_as_the_longest_signature_beside_it() {
    let sealed = |label: &str, life: &str, id: &str| {
        let head = sign(&scheme(&format!("label: {label}, expires: {life}, nonce: required")), &[id], b"");
        (text(&head, "signature-input"), text(&head, "signature"))
    };
    let (soon, late) = (sealed("a", "60s", "k1"), sealed("b", "120s", "k2"));
    for (first, second, winner) in [(&soon, &late, "k1"), (&late, &soon, "k2")] {
        let mut head = head();
        head.fields.set("signature-input", format!("{}, {}", first.0, second.0));
        head.fields.set("signature", format!("{}, {}", first.1, second.1));
        let both = (&scheme("nonce: required"), named(&["k1", "k2"]));
        let permit = judge(both, &head, b"", (None, NOW)).unwrap();
        assert_eq!((permit.key().id.as_ref(), permit.macs().len()), (winner, 2));
        assert_eq!(permit.fresh_until(), Some(Moment::from_secs(NOW.secs() + 120)), "{winner}");
    }
}
