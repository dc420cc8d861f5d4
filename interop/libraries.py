"""What the vendors' own libraries sign and verify: one class a library, the same three questions to each.

`headers(call)` signs a request as the library does, `accepts(call)` says whether the library believes a request that was signed
elsewhere, and `schemes` and `keys` say how countersign is told about it.
"""

import base64
import datetime
import secrets
import subprocess
import time
import urllib.parse
from dataclasses import dataclass, field


@dataclass
class Call:
    """One request: `url` is what both sides take for its address, `headers` are lower-case."""

    method: str
    url: str
    body: bytes
    headers: dict = field(default_factory=dict)

    @property
    def target(self):
        parts = urllib.parse.urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def host(self):
        return urllib.parse.urlsplit(self.url).netloc


class Library:
    """
    `signs` where the library can make what it verifies, `verifies` where it can judge what we make, `judges_body` unless that is left to its caller,
    `covers_body` where another body under the same signature is refused.
    """

    scheme = ""
    secret = secrets.token_hex(24)
    key_id = "k1"
    signs = verifies = judges_body = covers_body = True
    query = "?b=2&a=1"
    body = b'{"event":"order.paid","id":42,"amount":"19.9","name":"Zo\\u00eb"}'
    content_type = "application/json"
    settings = ""

    def refuses(self, call):
        """Libraries say no in many ways: an exception, False or None."""
        try:
            return self.accepts(call) is False
        except Exception:  # noqa: BLE001
            return True


def now():
    return int(time.time())


class Stripe(Library):
    scheme, secret = "stripe", "whsec_" + secrets.token_hex(16)

    def headers(self, call):
        import stripe
        stamp = now()
        mac = stripe.WebhookSignature._compute_signature(f"{stamp}.{call.body.decode()}", self.secret)
        return {"stripe-signature": f"t={stamp},v1={mac}"}

    def accepts(self, call):
        import stripe
        return stripe.WebhookSignature.verify_header(call.body, call.headers["stripe-signature"], self.secret, 300)


class Slack(Library):
    scheme = "slack"

    def verifier(self):
        from slack_sdk.signature import SignatureVerifier
        return SignatureVerifier(self.secret)

    def headers(self, call):
        stamp = str(now())
        mac = self.verifier().generate_signature(timestamp=stamp, body=call.body)
        return {"x-slack-request-timestamp": stamp, "x-slack-signature": mac}

    def accepts(self, call):
        told = call.headers
        return self.verifier().is_valid(call.body, told["x-slack-request-timestamp"], told["x-slack-signature"])


class StandardWebhooks(Library):
    scheme, prefix = "standard-webhooks", "webhook"
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()

    def library(self):
        from standardwebhooks import Webhook
        return Webhook(self.secret)

    def headers(self, call):
        stamp, name = datetime.datetime.now(tz=datetime.timezone.utc), "msg_" + secrets.token_hex(8)
        mac = self.library().sign(name, stamp, call.body.decode())
        return {f"{self.prefix}-id": name, f"{self.prefix}-timestamp": str(int(stamp.timestamp())),
                f"{self.prefix}-signature": mac}

    def accepts(self, call):
        return self.library().verify(call.body, call.headers) is not False


class Svix(StandardWebhooks):
    scheme, prefix = "svix", "svix"

    def library(self):
        from svix.webhooks import Webhook
        return Webhook(self.secret)


class GitHub(Library):
    """gidgethub verifies; @octokit/webhooks-methods, where Node and it are installed, signs and verifies."""

    scheme, octokit = "github", None

    def node(self, script, *arguments):
        command = ["node", "--input-type=module", "-e", script, *arguments]
        return subprocess.run(command, cwd=self.octokit, check=True, capture_output=True, text=True).stdout

    def headers(self, call):
        script = "import {sign} from '@octokit/webhooks-methods'; const [s, b] = process.argv.slice(1); process.stdout.write(await sign(s, b))"
        return {"x-hub-signature-256": self.node(script, self.secret, call.body.decode())}

    def accepts(self, call):
        from gidgethub import sansio
        mac = call.headers["x-hub-signature-256"]
        sansio.validate_event(call.body, signature=mac, secret=self.secret)
        script = "import {verify} from '@octokit/webhooks-methods'; const [s, b, m] = process.argv.slice(1); process.stdout.write(String(await verify(s, b, m)))"
        return self.node(script, self.secret, call.body.decode(), mac) == "true"


class Twilio(Library):
    scheme, body, content_type = "twilio", b"To=%2B15550100&From=%2B15550199&Body=a+b&Body=c", "application/x-www-form-urlencoded"

    def parts(self, call):
        pairs = urllib.parse.parse_qsl(call.body.decode(), keep_blank_values=True)

        class Form(dict):
            def getlist(self, name):
                return [value for known, value in pairs if known == name]
        return Form(pairs)

    def validator(self):
        from twilio.request_validator import RequestValidator
        return RequestValidator(self.secret)

    def headers(self, call):
        return {"x-twilio-signature": self.validator().compute_signature(call.url, self.parts(call))}

    def accepts(self, call):
        hashed = "bodySHA256=" in call.url
        told = call.body.decode() if hashed else self.parts(call)
        return self.validator().validate(call.url, told, call.headers["x-twilio-signature"])


class Line(Library):
    scheme, signs = "line", False

    def accepts(self, call):
        from linebot.v3.webhook import SignatureValidator
        return SignatureValidator(self.secret).validate(call.body.decode(), call.headers["x-line-signature"])


class Razorpay(Library):
    scheme, signs = "razorpay", False

    def accepts(self, call):
        import razorpay
        mac = call.headers["x-razorpay-signature"]
        return razorpay.Utility().verify_webhook_signature(call.body.decode(), mac, self.secret)


class CoinbaseCommerce(Library):
    scheme, signs, body = "coinbase-commerce", False, b'{"event":{"id":"1","resource":"event","type":"charge:created"}}'

    def accepts(self, call):
        from coinbase_commerce.webhook import Webhook
        return Webhook.construct_event(call.body.decode(), call.headers["x-cc-webhook-signature"], self.secret) is not None


class HubSpotV3(Library):
    scheme, query = "hubspot-v3", ""

    def told(self, call, stamp):
        return {"client_secret": self.secret, "request_body": call.body.decode(), "http_uri": call.url,
                "http_method": call.method, "signature_version": "v3", "timestamp": stamp}

    def headers(self, call):
        from hubspot.utils.signature import Signature
        stamp = str(now() * 1000)
        told = self.told(call, stamp)
        mac = Signature.get_signature(told["client_secret"], told["request_body"], "v3", told["http_uri"], told["http_method"], stamp)
        return {"x-hubspot-signature-v3": mac, "x-hubspot-request-timestamp": stamp}

    def accepts(self, call):
        from hubspot.utils.signature import Signature
        stamp = call.headers["x-hubspot-request-timestamp"]
        return Signature.is_valid(signature=call.headers["x-hubspot-signature-v3"], **self.told(call, stamp))


class Square(Library):
    scheme, signs = "square", False

    def accepts(self, call):
        from square.utils.webhooks_helper import verify_signature
        return verify_signature(request_body=call.body.decode(), signature_header=call.headers["x-square-hmacsha256-signature"],
                                signature_key=self.secret, notification_url=call.url)


class Paddle(Library):
    scheme, secret, signs = "paddle", "pdl_ntfset_" + secrets.token_hex(16), False

    def accepts(self, call):
        from paddle_billing.Notifications import Secret, Verifier

        class Received:
            body, headers = call.body, {"Paddle-Signature": call.headers["paddle-signature"]}
        Received.content = Received.data = call.body
        return Verifier(maximum_variance=5).verify(Received, Secret(self.secret))


class Cavage(Library):
    """httpsig, both directions."""

    scheme, judges_body, covered = "cavage", False, ["(request-target)", "host", "date", "digest"]

    def headers(self, call):
        import email.utils
        import hashlib
        import httpsig
        told = {"host": call.host, "date": email.utils.formatdate(usegmt=True),
                "digest": "SHA-256=" + base64.b64encode(hashlib.sha256(call.body).digest()).decode()}
        signer = httpsig.HeaderSigner(self.key_id, self.secret, algorithm="hmac-sha256", headers=self.covered)
        signed = signer.sign(told, host=call.host, method=call.method, path=call.target)
        return {name.lower(): value for name, value in signed.items() if name.lower() != "host"}

    def accepts(self, call):
        import httpsig
        told = {**call.headers, "host": call.host}
        verifier = httpsig.HeaderVerifier(told, self.secret, method=call.method, path=call.target, host=call.host,
                                          required_headers=["(request-target)", "date"])
        return verifier.verify()


class MessageSignatures(Library):
    """http-message-signatures, both directions."""

    scheme = "rfc9421"

    def headers(self, call):
        from http_message_signatures import HTTPMessageSigner
        asked = self.asked(call, {})
        HTTPMessageSigner(**self.with_key()).sign(
            asked, key_id=self.key_id, covered_component_ids=("@method", "@authority", "@path", "@query"), body=call.body)
        return {name.lower(): value for name, value in asked.headers.items()}

    def accepts(self, call):
        from http_message_signatures import HTTPMessageVerifier
        covered = ("@method", "@authority", "@path", "@query", "content-digest")
        verifier = HTTPMessageVerifier(**self.with_key())
        return bool(verifier.verify(self.asked(call, call.headers), require_components=covered, body=call.body))

    def with_key(self):
        from http_message_signatures import MappingKeyResolver, algorithms
        keys = {self.key_id: self.secret.encode()}
        return {"signature_algorithm": algorithms.HMAC_SHA256,
                "key_resolver": MappingKeyResolver(public_keys=keys, private_keys=keys)}

    @staticmethod
    def asked(call, headers):
        import types
        return types.SimpleNamespace(method=call.method, url=call.url, headers=dict(headers))


def webhooks():
    return [Stripe(), Slack(), StandardWebhooks(), Svix(), GitHub(), Twilio(), Line(), Razorpay(), CoinbaseCommerce(),
            HubSpotV3(), Square(), Paddle(), Cavage(), MessageSignatures()]


