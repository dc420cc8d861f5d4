//! The built-in schemes: written in the user's own language, without privileges.

const BUILTINS: &[(&str, &str)] = &[
    ("apisix", include_str!("../../../schemes/apisix.yaml")),
    ("aws-sigv4", include_str!("../../../schemes/aws-sigv4.yaml")),
    ("azure-app-configuration", include_str!("../../../schemes/azure-app-configuration.yaml")),
    ("binance", include_str!("../../../schemes/binance.yaml")),
    ("bybit", include_str!("../../../schemes/bybit.yaml")),
    ("calendly", include_str!("../../../schemes/calendly.yaml")),
    ("cavage", include_str!("../../../schemes/cavage.yaml")),
    ("coinbase-commerce", include_str!("../../../schemes/coinbase-commerce.yaml")),
    ("coinbase-exchange", include_str!("../../../schemes/coinbase-exchange.yaml")),
    ("discord", include_str!("../../../schemes/discord.yaml")),
    ("django-dumps", include_str!("../../../schemes/django-dumps.yaml")),
    ("django-timestamp-signer", include_str!("../../../schemes/django-timestamp-signer.yaml")),
    ("dropbox", include_str!("../../../schemes/dropbox.yaml")),
    ("github", include_str!("../../../schemes/github.yaml")),
    ("github-legacy-sha1", include_str!("../../../schemes/github-legacy-sha1.yaml")),
    ("gitlab", include_str!("../../../schemes/gitlab.yaml")),
    ("hubspot-v1", include_str!("../../../schemes/hubspot-v1.yaml")),
    ("hubspot-v2", include_str!("../../../schemes/hubspot-v2.yaml")),
    ("hubspot-v3", include_str!("../../../schemes/hubspot-v3.yaml")),
    ("intercom", include_str!("../../../schemes/intercom.yaml")),
    ("itsdangerous", include_str!("../../../schemes/itsdangerous.yaml")),
    ("json-envelope", include_str!("../../../schemes/json-envelope.yaml")),
    ("json-envelope-jcs", include_str!("../../../schemes/json-envelope-jcs.yaml")),
    ("jwt", include_str!("../../../schemes/jwt.yaml")),
    ("kong", include_str!("../../../schemes/kong.yaml")),
    ("kucoin", include_str!("../../../schemes/kucoin.yaml")),
    ("line", include_str!("../../../schemes/line.yaml")),
    ("linear", include_str!("../../../schemes/linear.yaml")),
    ("mailgun", include_str!("../../../schemes/mailgun.yaml")),
    ("mailgun-form", include_str!("../../../schemes/mailgun-form.yaml")),
    ("meta", include_str!("../../../schemes/meta.yaml")),
    ("nirah-multisig", include_str!("../../../schemes/nirah-multisig.yaml")),
    ("oauth1", include_str!("../../../schemes/oauth1.yaml")),
    ("okx", include_str!("../../../schemes/okx.yaml")),
    ("paddle", include_str!("../../../schemes/paddle.yaml")),
    ("pagerduty", include_str!("../../../schemes/pagerduty.yaml")),
    ("razorpay", include_str!("../../../schemes/razorpay.yaml")),
    ("rfc9421", include_str!("../../../schemes/rfc9421.yaml")),
    ("sendgrid", include_str!("../../../schemes/sendgrid.yaml")),
    ("sentry", include_str!("../../../schemes/sentry.yaml")),
    ("shopify", include_str!("../../../schemes/shopify.yaml")),
    ("signed-link", include_str!("../../../schemes/signed-link.yaml")),
    ("slack", include_str!("../../../schemes/slack.yaml")),
    ("square", include_str!("../../../schemes/square.yaml")),
    ("standard-webhooks", include_str!("../../../schemes/standard-webhooks.yaml")),
    ("standard-webhooks-v1a", include_str!("../../../schemes/standard-webhooks-v1a.yaml")),
    ("stripe", include_str!("../../../schemes/stripe.yaml")),
    ("svix", include_str!("../../../schemes/svix.yaml")),
    ("telnyx", include_str!("../../../schemes/telnyx.yaml")),
    ("timestamp-body", include_str!("../../../schemes/timestamp-body.yaml")),
    ("twilio", include_str!("../../../schemes/twilio.yaml")),
    ("twilio-json", include_str!("../../../schemes/twilio-json.yaml")),
    ("twilio-sharedkey", include_str!("../../../schemes/twilio-sharedkey.yaml")),
    ("tyk", include_str!("../../../schemes/tyk.yaml")),
    ("typeform", include_str!("../../../schemes/typeform.yaml")),
    ("woocommerce", include_str!("../../../schemes/woocommerce.yaml")),
    ("zoom", include_str!("../../../schemes/zoom.yaml")),
];

/// Every built-in scheme: name and YAML, sorted by name.
pub fn builtins() -> &'static [(&'static str, &'static str)] {
    BUILTINS
}

/// The YAML of a built-in scheme.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|(known, _)| *known == name).map(|(_, yaml)| *yaml)
}
