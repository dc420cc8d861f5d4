"""The configurations of docs/migration-proxies.md in a real nginx and a real HAProxy, beside the gateway of the same page: the verdicts are the same.

usage: migration.py COUNTERSIGN
"""

import base64
import hashlib
import hmac
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tools import ROOT, Processes, Tally, echo_upstream, free_port, request, wait_until, answers

PAGE = (ROOT / "docs" / "migration-proxies.md").read_text()
SECRET = "0123456789abcdefghijklmnopqrstuv"
NGINX = """daemon off; master_process off; pid nginx.pid; error_log stderr;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
events {{}}
http {{
  access_log off; default_type text/plain;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  init_by_lua_block {{ secret = "{secret}" }}
  server {{
    listen 127.0.0.1:{port};
    set $link_secret "{secret}";
    {locations}
    location /inside/ {{ return 200 "in"; }}
  }}
}}
"""
HAPROXY = """defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend api
  bind 127.0.0.1:{port}
  {rules}
  default_backend app
backend app
  server app 127.0.0.1:{upstream}
"""


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)


def mac(text, algorithm=hashlib.sha256):
    return hmac.new(SECRET.encode(), text.encode(), algorithm).digest()


def url64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bodies(encode, algorithm):
    """Requests that are signed over stamp and body, and whether each is to be let in."""
    now = int(time.time())
    for stamp, signed, sent, good in [
        (now, "paid", "paid", True), (now, "paid", "unpaid", False), (now, "", "", True), (now - 290, "x", "x", True),
        (now - 320, "x", "x", False), (now + 320, "x", "x", False), (now, "ä" * 500, "ä" * 500, True),
    ]:
        yield {"X-Timestamp": str(stamp), "X-Signature": encode(mac(f"{stamp}.{signed}", algorithm))}, sent, good
    yield {"X-Timestamp": str(now), "X-Signature": encode(bytes(32))}, "x", False
    yield {"X-Timestamp": str(now)}, "x", False
    yield {"X-Signature": encode(mac(".x", algorithm))}, "x", False


def differences(lua, haproxy):
    """Requests that one of the others lets in or refuses wrongly, as the page says: who it is, path, headers, body, its verdict and ours."""
    now, large = int(time.time()), "a" * 40_000
    plain = lambda text: base64.b64encode(mac(text, hashlib.sha1)).decode()      # noqa: E731
    sha256 = lambda text: mac(text).hex()      # noqa: E731
    for name, port, path, stamp, signature, body, theirs, ours in [
        ("Lua takes a large body for an empty one", lua, "/lua/x", now, plain(f"{now}."), large, 200, 401),
        ("Lua refuses a large body that is signed", lua, "/lua/x", now, plain(f"{now}.{large}"), large, 401, 200),
        ("Lua reads a hexadecimal date", lua, "/lua/x", hex(now), plain(f"{hex(now)}.x"), "x", 200, 401),
        ("HAProxy refuses a large body that is signed", haproxy, "/haproxy/x", now, sha256(f"{now}.{large}"), large, 401, 200),
        ("HAProxy takes one of several signatures", haproxy, "/haproxy/x", now, f"{'0' * 64},{sha256(f'{now}.x')}", "x", 200, 401),
    ]:
        yield name, port, path, {"X-Timestamp": str(stamp), "X-Signature": signature}, body, (theirs, ours)


def links():
    """Paths with the links of nginx and of the gateway, and what both answer."""
    now = int(time.time())
    for path, expires, asked, status in [
        ("/files/a.pdf", now + 600, "/files/a.pdf", 200), ("/files/a.pdf", now + 600, "/files/b.pdf", 401), ("/files/a.pdf", now - 9, "/files/a.pdf", 410),
    ]:
        md5 = url64(hashlib.md5(f"{expires}{path}{SECRET}".encode()).digest())
        yield f"{asked}?sig={md5}&expires={expires}", f"{asked}?sig={url64(mac(f'{expires}{path}'))}&expires={expires}", status
    yield "/files/a.pdf", "/files/a.pdf", 401


def nginx(running, directory, upstream):
    port, root = free_port(), Path(directory) / "nginx"
    root.mkdir()
    locations = "\n".join(block.rstrip().removesuffix("}") + f"    proxy_pass http://127.0.0.1:{upstream};\n}}" for block in blocks("nginx"))
    (root / "nginx.conf").write_text(NGINX.format(secret=SECRET, port=port, locations=locations))
    process = running.start("nginx", [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(root), "-c", "nginx.conf"])
    wait_until("nginx", answers(port, "/inside/"), process)
    return port


def haproxy(running, directory, upstream):
    port, config = free_port(), Path(directory) / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, upstream=upstream, rules="  ".join(blocks("haproxy")[0].splitlines(keepends=True))))
    process = running.start("haproxy", [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(config)])
    wait_until("haproxy", answers(port, "/", 401), process)
    return port


def gateway(running, directory, binary, upstream):
    port, outbound = free_port(), free_port()
    for name in ("files/k1", "partner/k1", "aws/AKIDEXAMPLE"):
        key = Path(directory) / "keys" / name
        key.parent.mkdir(parents=True)
        key.write_text(SECRET)
        key.chmod(0o600)
    config = re.search(r"<!-- file: countersign.yaml -->\n```yaml\n(.*?)^```", PAGE, re.M | re.S)[1]
    for named, ours in (("8080", port), ("8090", outbound), ("8000", upstream)):
        config = config.replace(f":{named}", f":{ours}")
    (Path(directory) / "countersign.yaml").write_text(config)
    process = running.start("countersign", [binary, "run", "--config", str(Path(directory) / "countersign.yaml")])
    wait_until("countersign", answers(port, "/files/", 401), process)
    return port


def status(port, path, headers=None, body=None):
    return request(port, "POST" if body is not None else "GET", path, headers or {}, body)[0]


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        upstream, _seen = echo_upstream()
        ours = gateway(running, directory, str(Path(sys.argv[1]).resolve()), upstream)
        theirs = nginx(running, directory, upstream)
        for old, new, expected in links():
            found = status(theirs, old), status(ours, new)
            tally.check(f"secure_link: {expected}", found == (403 if expected == 401 else expected, expected), found)
        balancer = haproxy(running, directory, upstream)
        plain = lambda raw: base64.b64encode(raw).decode()      # noqa: E731
        for place, port, encode, algorithm in (("/lua/x", theirs, plain, hashlib.sha1), ("/haproxy/x", balancer, bytes.hex, hashlib.sha256)):
            for headers, body, good in bodies(encode, algorithm):
                found = [status(where, place, headers, body.encode()) for where in (port, ours)]
                tally.check(f"{place} with {headers}", found == [200 if good else 401] * 2, found)
        for name, port, path, headers, body, expected in differences(theirs, balancer):
            found = tuple(status(where, path, headers, body.encode()) for where in (port, ours))
            tally.check(name, found == expected, found)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
