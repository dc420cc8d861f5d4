"""Makes tests/vectors/catalogue.jsonl: what ccxt 4.5.90, twilio 9.13.0, hubspot-api-client 12.0.0, azure-appconfiguration 1.10.0 and httpsig 1.3.0
sign; for the gateways, whose clients have no library, the documented bytes under Python's hmac. Each accepted case comes with copies in which
one covered thing is changed, and with copies out of its window.
"""

import base64
import datetime
import hashlib
import hmac
import json
import sys
import types
import urllib.parse
from email.utils import formatdate

NOW = 1760000000
SECRET = "a secret that only the two of us know"
SECRET_B64 = base64.b64encode(SECRET.encode()).decode()
DATE = formatdate(NOW, usegmt=True)
NEXT = formatdate(NOW + 1, usegmt=True)
BODY = b'{"event":"ping","n":1}'
OUT = []


def case(scheme, name, made_by, method, target, headers, body=b"", secret=SECRET, key="k1", reason="signed by the library",
         changes=(), window=None, base_url=None, config=None, valid=True, at=NOW):
    """One accepted case and what becomes of it: `changes` are (what, field, new), fields method, target, body or a header's name."""
    line = {"scheme": scheme, "case": f"{scheme}/{name}", "method": method, "target": target, "headers": headers,
            "body_b64": base64.b64encode(body).decode(), "keys": [{"id": key, "secret": secret}], "now": at, "valid": valid,
            "reason": reason, "made_by": made_by, "level": "must"}
    if base_url:
        line["base_url"] = base_url
    if config:
        line["config"] = config
    OUT.append(line)
    for what, field, new in changes:
        changed = json.loads(json.dumps(line))
        if field == "body":
            changed["body_b64"] = base64.b64encode(new).decode()
        elif field in ("method", "target"):
            changed[field] = new
        elif field == "key":
            changed["keys"][0]["secret"] = new
        else:
            assert any(pair[0] == field for pair in headers) or new is not None, field
            rest = [pair for pair in changed["headers"] if pair[0] != field]
            changed["headers"] = rest + ([[field, new]] if new is not None else [])
        changed.update(case=f"{scheme}/{name}: {what}", valid=False, reason=what)
        assert any(changed[part] != line[part] for part in ("headers", "body_b64", "method", "target", "keys")), what
        OUT.append(changed)
    for side, seconds in (("too old", window and window[0] + 2), ("too far ahead", window and -window[1] - 2)):
        if window:
            OUT.append(dict(line, case=f"{scheme}/{name}: {side}", now=at + seconds, valid=False, reason=side))


def flip(body):
    return body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]


def mac(algorithm, text, secret=SECRET, encode=True):
    raw = hmac.new(secret.encode(), text.encode(), getattr(hashlib, algorithm)).digest()
    return base64.b64encode(raw).decode() if encode else raw.hex()


def digest(body):
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def exchanges():
    import ccxt

    def run(scheme, exchange, api, method, path, params, nonce, window, changes, headers, **more):
        client = getattr(ccxt, exchange)({"apiKey": "k1", "secret": more.pop("client_secret", SECRET), "password": "pass"})
        client.nonce = lambda: nonce
        signed = client.sign(path, [api], method, params)
        url = urllib.parse.urlsplit(signed["url"])
        target = url.path + ("?" + url.query if url.query else "")
        body = (signed["body"] or "").encode()
        kept = [[name, value] for name, value in signed["headers"].items() if name in headers]
        case(scheme, f"{method} {path}", f"ccxt {ccxt.__version__}", method, target, kept, body, window=window,
             changes=[(what, field, new(target, body, dict(kept)) if callable(new) else new) for what, field, new in changes], **more)

    wrong = ("another key", "key", "a secret that the two of us do not have")
    ms, swap = NOW * 1000, lambda old, new: lambda target, body, headers: target.replace(old, new)
    body = ("a changed body", "body", lambda target, body, headers: flip(body))
    run("binance", "binance", "private", "GET", "account", {"symbol": "LTC/BTC", "recvWindow": 5000}, ms, (5, 1),
        [wrong, ("a changed parameter", "target", swap("LTC", "LTD")), ("a changed stamp", "target", swap("0000&", "0001&"))], ["X-MBX-APIKEY"])
    run("binance", "binance", "private", "POST", "order", {"symbol": "LTCBTC", "side": "BUY"}, ms, (5, 1),
        [wrong, ("a changed parameter", "body", lambda t, body, h: body.replace(b"BUY", b"BUX")),
         ("a query that nobody signed", "target", lambda target, b, h: target + "?a=1")], ["X-MBX-APIKEY"])
    names = {
        "kucoin": ("KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP"),
        "okx": ("OK-ACCESS-KEY", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP"),
        "coinbase-exchange": ("CB-ACCESS-KEY", "CB-ACCESS-SIGN", "CB-ACCESS-TIMESTAMP"),
    }
    for scheme, exchange, nonce, seconds, later, more in (
        ("kucoin", "kucoin", ms, 5, str(ms + 1), {}),
        ("okx", "okx", ms, 30, "2025-10-09T08:53:20.001Z", {}),
        ("coinbase-exchange", "coinbaseexchange", NOW, 30, str(NOW + 1), {"secret": SECRET_B64, "client_secret": SECRET_B64}),
    ):
        wrong = ("another key", "key", "YW5vdGhlciBrZXk=")
        shared = [wrong, ("another method", "method", "PUT"), ("a changed stamp", names[scheme][2], later)]
        run(scheme, exchange, "private", "GET", "orders", {"status": "active"}, nonce, (seconds, seconds),
            shared + [("a changed query", "target", swap("active", "activf")), ("another path", "target", swap("orders", "order"))],
            names[scheme], **more)
        run(scheme, exchange, "private", "POST", "orders", {"size": "1"}, nonce, (seconds, seconds), shared + [body], names[scheme], **more)
    bybit = ["X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW", "X-BAPI-SIGN"]
    shared = [("another key", "key", "another"), ("a changed stamp", "X-BAPI-TIMESTAMP", str(ms + 1)),
              ("another receive window", "X-BAPI-RECV-WINDOW", "9000"), ("no receive window", "X-BAPI-RECV-WINDOW", None)]
    run("bybit", "bybit", "private", "GET", "v5/order/realtime", {"symbol": "BTCUSDT"}, ms, (5, 1),
        shared + [("a changed query", "target", swap("USDT", "USDX"))], bybit)
    run("bybit", "bybit", "private", "POST", "v5/order/create", {"symbol": "BTCUSDT"}, ms, (5, 1),
        shared + [body, ("a query that nobody signed", "target", lambda target, b, h: target + "?a=1")], bybit)


def twilio():
    from twilio import __version__
    from twilio.request_validator import RequestValidator

    made_by, site, form = f"twilio {__version__}", "https://hooks.example.com", b"To=%2B18005551212&Body=a+b&Digits=1234"
    params = dict(urllib.parse.parse_qsl(form.decode()))
    shared = ["X-Twilio-Webhooks-Signature-Settings", "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"]
    target = "/in?a=%3A1&bodySHA256=" + hashlib.sha256(BODY).hexdigest()
    for scheme, algorithm, more in (("twilio", None, []), ("twilio-json", None, []), ("twilio-sharedkey", "HMAC_SHA256", [shared])):
        def sign(target, params):
            return RequestValidator(SECRET).compute_signature(site + target, params, algorithm)
        wrong = ("another key", "key", "another")
        other = [("another algorithm", shared[0], shared[1].replace("256", "1")), ("no settings", shared[0], None)] if more else []
        case(scheme, "a JSON body", made_by, "POST", target, [["X-Twilio-Signature", sign(target, {})]] + more, BODY, base_url=site,
             changes=other + [wrong, ("a changed body", "body", flip(BODY)), ("a changed query", "target", target.replace("3A1", "3A2")),
                              ("no digest", "target", "/in?a=%3A1"), ("another path", "target", target.replace("/in", "/on"))])
        if scheme != "twilio-json":
            case(scheme, "a form", made_by, "POST", "/in?a=%3A1", [["X-Twilio-Signature", sign("/in?a=%3A1", params)]] + more, form,
                 base_url=site, changes=other + [wrong, ("a changed field", "body", form.replace(b"1234", b"1235")),
                                                 ("another path", "target", "/on?a=%3A1"), ("a changed query", "target", "/in?a=%3A2")])


def hubspot():
    from hubspot.utils.signature import Signature

    made_by, site, target = "hubspot-api-client 12.0.0", "https://hooks.example.com", "/in?a=1"
    sign = lambda version: Signature.get_signature(SECRET, BODY.decode(), version, site + target, "POST")
    wrong, body = ("another key", "key", "another"), ("a changed body", "body", flip(BODY))
    version = "X-HubSpot-Signature-Version"
    headers = lambda name: [["X-HubSpot-Signature", sign(name)], [version, name]]
    case("hubspot-v1", "v1", made_by, "POST", target, headers("v1"), BODY, changes=[wrong, body, ("another version", version, "v2")])
    case("hubspot-v2", "v2", made_by, "POST", target, headers("v2"), BODY, base_url=site,
         changes=[wrong, body, ("another version", version, "v1"), ("another method", "method", "PUT"), ("another path", "target", "/on?a=1"),
                  ("a changed query", "target", "/in?a=2")])


def azure():
    import azure.appconfiguration as package
    from azure.appconfiguration import _azure_appconfiguration_requests as requests
    from azure.core.credentials import AzureKeyCredential

    def signed(date, method, target, body):
        requests.get_current_utc_time = lambda: date
        policy = requests.AppConfigRequestsCredentialsPolicy(AzureKeyCredential(SECRET_B64), "https://store.azconfig.io", "k1")
        inner = types.SimpleNamespace(method=method, url="https://store.azconfig.io" + target, body=body, headers={})
        policy._signed_request(types.SimpleNamespace(http_request=inner, context=types.SimpleNamespace(transport=None)))
        return [["Host", "store.azconfig.io"]] + [[name, value] for name, value in inner.headers.items()]

    moment = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    own = moment.strftime("%b, %d %Y %H:%M:%S.%f GMT")
    for name, date, later in (("its own date", own, own.replace(".000000", ".000001")), ("an HTTP date", DATE, NEXT)):
        target, made_by = "/kv/a?label=%2A&api-version=1.0", f"azure-appconfiguration {package.__version__}"
        headers = signed(date, "PUT", target, BODY.decode())
        unlisted = dict(headers)["Authorization"].replace("x-ms-date;host;", "host;")
        case("azure-app-configuration", name, made_by, "PUT", target, headers, BODY, secret=SECRET_B64, window=(900, 900), changes=[
            ("another key", "key", "YW5vdGhlciBrZXk="), ("a changed body", "body", flip(BODY)), ("no body", "body", b""),
            ("another method", "method", "POST"), ("a changed query", "target", target.replace("1.0", "2.0")),
            ("another path", "target", target.replace("/a", "/b")), ("a changed stamp", "x-ms-date", later), ("another host", "Host", "other.azconfig.io"),
            ("a date that is not signed", "Authorization", unlisted)])
        case("azure-app-configuration", name + ", no body", made_by, "GET", target, signed(date, "GET", target, None), b"", secret=SECRET_B64,
             changes=[("a body that nobody signed", "body", BODY)])


def cavage():
    import httpsig
    from httpsig.sign import HeaderSigner

    for algorithm in ("sha1", "sha512"):
        names = ["(request-target)", "host", "date", "digest"]
        headers = {"Host": "api.example.com", "Date": DATE, "Digest": digest(BODY)}
        signed = HeaderSigner("k1", SECRET, f"hmac-{algorithm}", names).sign(dict(headers), "api.example.com", "POST", "/in?a=1")
        pairs = [[name, value] for name, value in {**headers, "Authorization": signed["authorization"]}.items()]
        made_by, changed = "httpsig 1.3.0", [("a changed body", "body", flip(BODY)), ("a changed query", "target", "/in?a=2")]
        case("cavage", f"{algorithm} where it is chosen", made_by, "POST", "/in?a=1", pairs, BODY, config={"algorithm": algorithm}, changes=changed)
        case("cavage", f"{algorithm} where any may come", made_by, "POST", "/in?a=1", pairs, BODY, config={"legacy": ["any-algorithm"]}, changes=changed)
        case("cavage", f"{algorithm} where it is not chosen", made_by, "POST", "/in?a=1", pairs, BODY, valid=False, reason="the algorithm is pinned")


def gateway(scheme, word, id_name, line, target_name, spelled=lambda text: text, opened=("", "")):
    """`line(name, value)` is how the gateway writes a header, `opened` stands round the lines."""

    def send(names, headers, method="POST", target="/in?a=1", body=BODY, algorithm="sha256", targets=None, order=",", scheme_word=word):
        lookup = {name.lower(): value for name, value in headers}
        special = {"@request-target": f"{method} {target}", **(targets or {})}
        lines = [special[name] if name in special else line(name, lookup.get(name.lower())) for name in names]
        text = opened[0] + "\n".join(one for one in lines if one is not None) + opened[1]
        signature = spelled(mac(algorithm, text))
        values = {id_name: "k1", "algorithm": f"hmac-{algorithm}", "headers": " ".join(names), "signature": signature}
        return f"{scheme_word} " + order.join(f'{name}="{value}"' for name, value in values.items())

    return send


def holes(scheme, send, target_name, carrier="Authorization", target="/in", targets=None, algorithms=("sha1", "sha512"), date="Date"):
    """The client that uses everything, then one client for each hole: refused, and accepted with its switch."""
    made_by = f"documented bytes of {scheme}, Python hmac"
    targets = targets or {}
    base = [["Host", "api.example.com"], [date, DATE]]
    full = base + [["Digest", digest(BODY)]]
    names = [target_name, "date" if date == "Date" else date, "digest"]

    def one(name, names, headers, body=BODY, config=None, valid=True, reason="a client as documented", changes=(), window=None, **more):
        value = send(names, headers, target=more.get("target", target), body=body, targets=targets, algorithm=more.get("algorithm", "sha256"))
        case(scheme, name, made_by, "POST", more.get("target", target), headers + [[carrier, value]], body, config=config, valid=valid,
             reason=reason, changes=changes, window=window)

    one("everything signed", names, full, window=(300, 300), changes=[
        ("another key", "key", "another"), ("a changed body", "body", flip(BODY)), ("no body", "body", b""), ("another method", "method", "PUT"),
        ("another path", "target", target.replace("/in", "/on")), ("a query that nobody signed", "target", target + "?x=1"),
        ("a changed stamp", date, NEXT), ("another digest", "Digest", digest(flip(BODY))), ("no digest", "Digest", None), ("no date", date, None)])
    for switch, names_left, headers in (
        ("unsigned-target", names[1:], full),
        ("unsigned-date", [names[0], names[2]], full),
        ("unsigned-digest", names[:2], base),
    ):
        one(switch + ", shut", names_left, headers, valid=False, reason=f"{switch} is refused by default")
        one(switch + ", open", names_left, headers, config={"legacy": [switch]}, reason=f"{switch} is opened by its switch")
        others = [other for other in ("unsigned-target", "unsigned-date", "unsigned-digest") if other != switch]
        one(switch + ", others open", names_left, headers, config={"legacy": others}, valid=False, reason=f"only {switch} opens this")
    for algorithm in algorithms:
        one(f"{algorithm}, shut", names, full, algorithm=algorithm, valid=False, reason="the algorithm is pinned")
        one(f"{algorithm}, pinned", names, full, algorithm=algorithm, config={"algorithm": algorithm}, reason="the algorithm is pinned to this one")
        one(f"{algorithm}, any", names, full, algorithm=algorithm, config={"legacy": ["any-algorithm"]}, reason="any algorithm may come")
    one("md5, any", names, full, algorithm="md5", config={"legacy": ["any-algorithm"]}, valid=False, reason="md5 never may")
    return one


def gateways():
    def kong_line(name, value):
        return f"{name}:" if value is None else f"{name}: {value}"

    kong = gateway("kong", "hmac", "username", kong_line, "@request-target")
    targets = {"@request-target": "@request-target: post /in?a=1", "request-line": "POST /in?a=1 HTTP/1.1"}
    one = holes("kong", kong, "@request-target", target="/in?a=1", targets=targets)
    full = [["Host", "api.example.com"], ["Date", DATE], ["Digest", digest(BODY)]]
    one("request-line", ["date", "request-line", "digest"], full, target="/in?a=1", changes=[("another method", "method", "PUT")])
    one("names as the client spells them", ["Date", "@request-target", "Digest"], full, target="/in?a=1", changes=[("a changed stamp", "Date", NEXT)])
    one("an absent header", ["date", "request-line", "digest", "x-extra"], full, target="/in?a=1", changes=[("a header that was not there", "X-Extra", "1")])
    one("X-Date", ["x-date", "request-line", "digest"], [["X-Date", DATE], ["Digest", digest(BODY)]], target="/in?a=1", window=(300, 300),
        changes=[("a changed stamp", "X-Date", NEXT)])
    one("X-Date beside Date", ["x-date", "request-line", "digest"], full + [["X-Date", DATE]], target="/in?a=1")
    one("an unsigned X-Date over a signed Date", ["date", "request-line", "digest"], full + [["X-Date", DATE]], target="/in?a=1", valid=False,
        reason="X-Date is the stamp where it is there, so it must be signed")
    value = kong(["date", "request-line", "digest"], full, targets=targets, order=", ")
    for name, headers in (("Proxy-Authorization", []), ("Proxy-Authorization before Authorization", [["Authorization", "Bearer of-the-application"]])):
        case("kong", name, "documented bytes of kong, Python hmac", "POST", "/in?a=1", full + [["Proxy-Authorization", value]] + headers, BODY)

    def apisix_line(name, value):
        return None if value is None else f"{name}: {value}"

    apisix = gateway("apisix", "Signature", "keyId", apisix_line, "@request-target", opened=("k1\n", "\n"))
    one = holes("apisix", apisix, "@request-target", target="/in?a=1", targets={"@request-target": "POST /in?a=1"}, algorithms=("sha1", "sha512"))
    one("names as the client spells them", ["Date", "@request-target", "Digest"], full, target="/in?a=1", changes=[("a changed stamp", "Date", NEXT)])
    one("an absent header", ["date", "@request-target", "digest", "x-extra"], full, target="/in?a=1",
        changes=[("a header that was not there", "X-Extra", "1")])

    quoted = lambda text: urllib.parse.quote(text, safe="")
    plain = lambda name, value: f"{name.lower()}: {value}"
    tyk = gateway("tyk", "Signature", "keyId", plain, "(request-target)", spelled=quoted)
    path = {"(request-target)": "(request-target): post /in"}
    one = holes("tyk", tyk, "(request-target)", targets=path)
    names = ["(request-target)", "date", "digest"]
    one("unsigned-query, shut", names, full, target="/in?a=1", valid=False, reason="a query is never signed, so it is refused by default")
    one("unsigned-query, open", names, full, target="/in?a=1", config={"legacy": ["unsigned-query"]}, reason="opened by its switch")
    path["(request-target)"] = "(request-target): post /in a/é"
    escaped = "/in%20a/%C3%A9"
    one("decoded-path, shut", names, full, target=escaped, valid=False, reason="/a%2Fb and /a/b would have one signature")
    one("decoded-path, open", names, full, target=escaped, config={"legacy": ["decoded-path"]}, reason="opened by its switch")
    path["(request-target)"] = "(request-target): post /in"
    made_by = "documented bytes of tyk, Python hmac"
    headers = [["X-Aux-Date", DATE], ["Digest", digest(BODY)]]
    value = gateway("tyk", "Signature", "keyId", lambda name, value: plain("x-aux-date", DATE) if name == "date" else plain(name, value),
                    "(request-target)", spelled=quoted)(names, headers, target="/in", targets=path)
    case("tyk", "X-Aux-Date stands for date", made_by, "POST", "/in", headers + [["Authorization", value]], BODY, window=(300, 300),
         changes=[("a changed stamp", "X-Aux-Date", NEXT)])
    one("X-Aux-Date under its own name", ["(request-target)", "x-aux-date", "digest"], headers, changes=[("a changed stamp", "X-Aux-Date", NEXT)])
    raw = gateway("tyk", "Signature", "keyId", plain, "(request-target)")(names, full, target="/in", targets=path)
    case("tyk", "a signature that is not escaped", made_by, "POST", "/in", full + [["Authorization", raw]], BODY, valid=False,
         reason="Tyk cuts the parameter at the raw `=`")
    small = gateway("tyk", "Signature", "keyId", plain, "(request-target)", spelled=lambda text: quoted(text).replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"))
    case("tyk", "escapes in lower case, as .NET writes them", made_by, "POST", "/in",
         full + [["Authorization", small(names, full, target="/in", targets=path)]], BODY)


def mailgun():
    token = "50a3b5cc8c2e4b0ea3f4dd4f1c1e6a5d"
    form = lambda stamp, token, signature: f"event=opened&timestamp={stamp}&token={token}&signature={signature}".encode()
    good = mac("sha256", f"{NOW}{token}", encode=False)
    case("mailgun-form", "form", "documented bytes, Python hmac", "POST", "/in", [["Content-Type", "application/x-www-form-urlencoded"]],
         form(NOW, token, good), window=(900, 900), changes=[("another key", "key", "another"), ("another token", "body", form(NOW, token[:-1] + "e", good)),
                                                              ("a changed stamp", "body", form(NOW + 1, token, good)),
                                                              ("a second token", "body", form(NOW, token, good) + b"&token=x")])


if __name__ == "__main__":
    for make in (exchanges, twilio, hubspot, azure, cavage, gateways, mailgun):
        make()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        for line in OUT:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(len(OUT), "cases,", sum(line["valid"] for line in OUT), "of them valid")
