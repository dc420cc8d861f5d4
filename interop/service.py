"""A Django REST Framework service that believes signed requests only, as its clients have known it for years.

Run by gunicorn as `service:application`; the secret comes from INTEROP_SECRET.
"""

import hashlib
import hmac
import os
import time

from django.conf import settings

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DEBUG=False,
        INSTALLED_APPS=["rest_framework"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="not used: nothing here is signed by Django",
        USE_TZ=True,
        REST_FRAMEWORK={
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "UNAUTHENTICATED_USER": None,
        },
    )

import django

django.setup()

from django.core.wsgi import get_wsgi_application
from django.urls import re_path
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.views import APIView

WINDOW = 60


def secret():
    return os.environ["INTEROP_SECRET"].encode()


def signature(key, timestamp, body):
    """What both sides compute: HMAC-SHA256(key, timestamp + "." + body), lower-case hex."""
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Client:
    """The other half: what a service of this kind uses to call its peers."""

    def __init__(self, key):
        self.key = key

    def headers(self, body, now=None):
        timestamp = str(int(time.time() if now is None else now))
        return {"X-HMAC-Timestamp": timestamp, "X-HMAC-Signature": signature(self.key, timestamp, body)}


class HMACAuthentication(BaseAuthentication):
    """Without `authenticate_header` a failed authentication is answered 403 and without WWW-Authenticate."""

    def authenticate(self, request):
        timestamp = request.headers.get("X-HMAC-Timestamp")
        given = request.headers.get("X-HMAC-Signature")
        if not timestamp or not given:
            raise AuthenticationFailed("Missing HMAC headers")
        try:
            stamp = int(timestamp)
        except ValueError:
            raise AuthenticationFailed("Invalid timestamp")
        if abs(int(time.time()) - stamp) > WINDOW:
            raise AuthenticationFailed("Request timestamp too old")
        expected = signature(secret(), timestamp, request.body)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise AuthenticationFailed("Invalid HMAC signature")
        return (None, "hmac")


class Echo(APIView):
    authentication_classes = [HMACAuthentication]
    permission_classes = []

    def post(self, request):
        """Answers what was understood, so that the caller can see that nothing was changed on the way."""
        body = request.body
        return Response({
            "target": request.get_full_path(),
            "sha256": hashlib.sha256(body).hexdigest(),
            "length": len(body),
            "timestamp": request.headers.get("X-HMAC-Timestamp"),
        })

    get = post


urlpatterns = [re_path(r"^.*$", Echo.as_view())]
application = get_wsgi_application()
