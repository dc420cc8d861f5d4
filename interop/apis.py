"""Libraries that sign API calls and tokens: AWS, OAuth, JWT, Django, itsdangerous. The same questions as in libraries.py."""

import base64
import secrets
import time
import types
import urllib.parse

from libraries import Library


class PyJWT(Library):
    """A bearer token covers nothing of the request."""

    scheme, covers_body, judges_body = "jwt", False, False
    secret = secrets.token_hex(32)

    def headers(self, call):
        import jwt
        told = {"sub": "somebody", "iat": int(time.time()), "exp": int(time.time()) + 60}
        return {"authorization": f"Bearer {jwt.encode(told, self.secret, 'HS256', headers={'kid': self.key_id})}"}

    def accepts(self, call):
        import jwt
        token = call.headers["authorization"].removeprefix("Bearer ")
        return jwt.decode(token, self.secret, algorithms=["HS256"], options={"require": ["exp"]}) is not None


class Token(Library):
    """A token in the query; only the application knows what to put into one, so the gateway makes none."""

    verifies = covers_body = False

    @property
    def query(self):
        return "?" + urllib.parse.urlencode({"token": self.token()})

    def headers(self, call):
        return {}


class DjangoTimestampSigner(Token):
    scheme = "django-timestamp-signer"

    def token(self):
        from django.core import signing
        return signing.TimestampSigner(key=self.secret).sign("user-42")


class DjangoDumps(Token):
    scheme = "django-dumps"

    def token(self):
        from django.core import signing
        return signing.dumps({"id": 42, "name": "Zo\u00eb"}, key=self.secret)


class ItsDangerous(Token):
    scheme = "itsdangerous"

    def token(self):
        from itsdangerous import TimestampSigner
        return TimestampSigner(self.secret).sign("user-42").decode()


class Botocore(Library):
    """botocore only signs: a signature is verified by making it again for the same time and headers."""

    scheme, key_id, query = "aws-sigv4", "AKIDEXAMPLE", "?b=2&a=1&empty="

    def auth(self):
        from botocore.auth import SigV4Auth
        from botocore.credentials import Credentials
        return SigV4Auth(Credentials(self.key_id, self.secret), "execute-api", "us-east-1")

    def request(self, call, headers):
        from botocore.awsrequest import AWSRequest
        return AWSRequest(method=call.method, url=call.url, data=call.body, headers=headers)

    def headers(self, call):
        request = self.request(call, {"content-type": self.content_type})
        self.auth().add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}

    def accepts(self, call):
        told = call.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ")
        told = dict(part.strip().split("=", 1) for part in told.split(","))
        covered = {name: call.headers[name] for name in told["SignedHeaders"].split(";") if name != "host"}
        request, auth = self.request(call, covered), self.auth()
        request.context["timestamp"] = call.headers["x-amz-date"]
        hashed = covered.get("x-amz-content-sha256")
        if hashed is not None and hashed != auth.payload(self.request(call, {})):
            return False
        made = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return made == told["Signature"]


class OAuthLib(Library):
    """RFC 5849 with HMAC-SHA1, the consumer alone; the body by its hash."""

    scheme, key_id = "oauth1", "consumer-1"

    def headers(self, call):
        from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, Client
        client = Client(self.key_id, client_secret=self.secret, signature_method=SIGNATURE_HMAC_SHA1)
        told = {"Content-Type": self.content_type}
        _, signed, _ = client.sign(call.url, http_method=call.method, body=call.body.decode(), headers=told)
        return {"authorization": signed["Authorization"]}

    def accepts(self, call):
        import hashlib
        from oauthlib.oauth1.rfc5849 import signature
        told = {"Authorization": call.headers["authorization"]}
        query = urllib.parse.urlsplit(call.url).query
        params = signature.collect_parameters(uri_query=query, body=[], headers=told, exclude_oauth_signature=False)
        named = dict(params)
        made = base64.b64encode(hashlib.sha1(call.body).digest()).decode()
        if named.get("oauth_body_hash") != made:
            return False
        request = types.SimpleNamespace(
            http_method=call.method, uri=call.url, signature=named["oauth_signature"],
            params=[(name, value) for name, value in params if name != "oauth_signature"])
        return signature.verify_hmac_sha1(request, client_secret=self.secret)


def apis():
    from django.conf import settings
    settings.configure(SECRET_KEY=secrets.token_hex(16))
    return [PyJWT(), DjangoTimestampSigner(), DjangoDumps(), ItsDangerous(), Botocore(), OAuthLib()]
