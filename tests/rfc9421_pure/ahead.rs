//! A label that is dated ahead: what nobody claims now must not pass later, when the first label was dropped.

use super::*;

/// A signature of `key` under `label`, made `seconds` after [`NOW`].
fn labelled(options: &str, key: &str, seconds: i64) -> Head {
    let seal = Seal::new(scheme(options), named(&[key]), With::Newest);
    let (mut head, now) = (head(), Moment::from_secs(NOW.secs().saturating_add(seconds)));
    let mut signing = seal.start(&mut head, Site::default(), now, [7; 16]).unwrap();
    signing.feed(BODY);
    signing.finish(&mut head, None).unwrap();
    head
}

/// The same request with both signatures, in this order.
fn both(first: &Head, second: &Head) -> Head {
    let mut head = first.clone();
    for name in ["signature-input", "signature"] {
        head.fields.set(name, format!("{}, {}", text(first, name), text(second, name)));
    }
    head
}

fn verdict(options: &str, head: &Head, seconds: i64) -> Result<Permit, Rejection> {
    let now = Moment::from_secs(NOW.secs().saturating_add(seconds));
    judge((&scheme(options), named(&["k1", "k2"])), head, BODY, (None, now))
}

#[test]
fn a_request_with_a_label_that_comes_true_later_is_refused_now() {
    let now = labelled("label: now", "k1", 0);
    for (seconds, expected) in
        [(5, None), (6, Some(Code::TimestampOutsideWindow)), (3600, Some(Code::TimestampOutsideWindow))]
    {
        for key in ["k1", "k2"] {
            let ahead = labelled("label: ahead", key, seconds);
            for head in [both(&now, &ahead), both(&ahead, &now)] {
                assert_eq!(code(verdict("", &head, 0)), expected, "{key} {seconds}");
            }
        }
    }
}

/// Each of the two signatures is claimed, so neither half passes again.
#[test]
fn what_is_accepted_claims_every_label_that_may_count() {
    let (now, ahead) = (labelled("label: now", "k1", 0), labelled("label: ahead", "k2", 5));
    let whole = verdict("", &both(&now, &ahead), 0).unwrap();
    for half in [&now, &ahead] {
        let mac = verdict("", half, 5).unwrap().macs().to_vec();
        assert!(mac.iter().all(|mac| whole.macs().contains(mac)));
    }
}

#[test]
fn a_label_that_can_never_count_here_refuses_nothing() {
    let now = labelled("label: now, tag: mine", "k1", 0);
    for other in [
        labelled("label: other, tag: theirs", "k2", 3600),
        labelled("label: other, tag: mine", "k2", -301),
        labelled("label: other, tag: mine", "k2", -3600),
    ] {
        assert_eq!(code(verdict("tag: mine", &both(&now, &other), 0)), None);
    }
    let elsewhere = labelled("label: other", "k2", 3600);
    assert_eq!(code(verdict("label: now", &both(&labelled("label: now", "k1", 0), &elsewhere), 0)), None);
}
