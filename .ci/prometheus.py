"""Alerts and dashboard, asked of a real Prometheus that scrapes a real gateway under load of good and bad requests.

usage: prometheus.py COUNTERSIGN
"""

import json
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from tools import ROOT, Processes, Tally, answers, echo_upstream, free_port, request, signed, wait_until

SECRET = secrets.token_hex(32)
RULES = ROOT / "deploy" / "prometheus"
CONFIG = """version: 1
health: {{address: "127.0.0.1:{health}"}}
listeners:
  public: {{address: "127.0.0.1:{public}"}}
  secure: {{address: "127.0.0.1:{secure}", tls: {{certificate: tls.crt, key: tls.key}}}}
upstreams:
  app: {{url: "http://127.0.0.1:{upstream}", health: {{active: {{path: /, interval: 1s}}}}}}
  gone: {{url: "http://127.0.0.1:{nobody}"}}
keyrings: {{partners: {{max_age: 90d, keys: [{{id: k1, secret: "{secret}", created: "{created}"}}]}}}}
replay: {{restart_guard: false}}
audit: off
routes:
  - {{path: /signed, verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app}}
  - {{path: /gone, public: true, upstream: gone}}
"""
SCRAPE = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: countersign
    static_configs: [{{targets: ["127.0.0.1:{health}"]}}]
"""
# How the traces of good requests begin.
TRACE = "facade01"
# Of what never happens here there is nothing to draw.
QUIET = {"Anomalies", "Connections turned away or cut off", "Audit lines"}


def main():
    tally = Tally()
    rules(tally)
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "countersign.json").read_text())
    alerts = (RULES / "alerts.yaml").read_text()
    documented(tally, json.dumps(dashboard) + alerts)
    with tempfile.TemporaryDirectory() as directory, Processes(directory) as running:
        public, health, web, stop = serve(running, Path(directory))
        try:
            exposition(tally, health)
            panels(tally, web, dashboard)
            traced(tally, web)
            told = api(web, "rules")["data"]["groups"]
            for rule in (rule for group in told for rule in group["rules"]):
                answer = api(web, "query", query=rule["query"])
                tally.check(f"alert {rule['name']} is understood", answer["status"] == "success", answer.get("error", ""))
                tally.check(f"alert {rule['name']} was evaluated", rule["health"] == "ok", rule.get("lastError", ""))
        finally:
            stop()
    return tally.close()


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, timeout=120, check=False, **options)


def rules(tally):
    """The alerts, their tests, and that these notice an alert that never fires."""
    text, tests = ((RULES / name).read_text() for name in ("alerts.yaml", "alerts_test.yaml"))
    names = re.findall(r"- alert: (\w+)", text)
    checked = promtool("check", "rules", RULES / "alerts.yaml")
    tally.check("promtool check rules", checked.returncode == 0, f"{len(names)} alerts")
    tested = promtool("test", "rules", RULES / "alerts_test.yaml")
    tally.check("promtool test rules", tested.returncode == 0, (tested.stdout + tested.stderr).decode()[-300:])
    fields = [len(re.findall(rf"^ +{field}: ", text, re.M)) for field in ("summary", "description", "runbook_url")]
    tally.check("every alert has its annotations", fields == [len(names)] * 3, fields)
    anchors = set(re.findall(r"^## ([a-z-]+)$", (ROOT / "docs" / "monitoring.md").read_text(), re.M))
    tally.check("every runbook is there", set(re.findall(r"monitoring\.md#([a-z-]+)", text)) <= anchors)
    with tempfile.TemporaryDirectory() as directory:
        bent = re.sub(r"expr: >-\n(?: {10}.*\n)+", "expr: vector(0) > 1\n", text)
        (Path(directory) / "alerts.yaml").write_text(bent)
        (Path(directory) / "alerts_test.yaml").write_text(tests)
        told = promtool("test", "rules", Path(directory) / "alerts_test.yaml")
    failures = (told.stdout + told.stderr).decode()
    unnoticed = [alert for alert in names if f'alertname=\\"{alert}\\"' not in failures]
    tally.check("the tests notice an alert that never fires", told.returncode != 0 and not unnoticed, unnoticed)


def documented(tally, text):
    manual = (ROOT / "docs" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `((?:countersign|process)_\w+)", manual, re.M))
    used = set(re.findall(r"\b(?:countersign|process)_\w+", text))
    strange = {name for name in used if re.sub(r"_bucket$", "", name) not in known}
    tally.check("every metric stands in docs/metrics.md", used and not strange, sorted(strange) or len(used))


def serve(running, directory):
    """An upstream, the gateway, load, and Prometheus: their ports, and what ends the load."""
    upstream, _seen = echo_upstream()
    public, secure, health, nobody, web = (free_port() for _ in range(5))
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", "tls.key", "-out", "tls.crt"], cwd=directory, check=True, capture_output=True)
    created = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 85 * 86400))
    config = directory / "countersign.yaml"
    config.write_text(CONFIG.format(secret=SECRET, **locals()))
    running.gateway(sys.argv[1], config, health)
    ended = threading.Event()
    load = threading.Thread(target=converse, args=(public, ended), daemon=True)
    load.start()
    scrape = directory / "prometheus.yml"
    scrape.write_text(SCRAPE.format(rules=RULES / "alerts.yaml", health=health))
    child = running.start("prometheus", [
        "prometheus", f"--config.file={scrape}", f"--web.listen-address=127.0.0.1:{web}", f"--storage.tsdb.path={directory / 'data'}",
        "--enable-feature=exemplar-storage"])
    wait_until("prometheus", answers(web, "/-/ready"), child)

    def stop():
        ended.set()
        load.join(timeout=30)
    return public, health, web, stop


def converse(public, ended):
    """Good requests, replays, wrong signatures, unsigned ones, nobody's routes, an upstream that is gone."""
    for turn in range(1 << 20):
        body = str(turn).encode()
        right = {**signed(SECRET, body), "traceparent": f"00-{TRACE}{turn:024x}-00f067aa0ba902b7-01"}
        for path, headers in (("/signed", right), ("/signed", right), ("/signed", {**right, "X-HMAC-Signature": "0" * 64}),
                              ("/signed", {"traceparent": f"00-{'f' * 32}-00f067aa0ba902b7-01"}), ("/nowhere", {}), ("/gone", {})):
            request(public, "POST", path, headers, body)
        if ended.wait(0.05):
            return


def exposition(tally, health):
    accept = "application/openmetrics-text; version=1.0.0"
    status, headers, text = request(health, "GET", "/metrics", {"Accept": accept})
    told = headers["Content-Type"]
    tally.check("the exposition is OpenMetrics", status == 200 and told.startswith("application/openmetrics-text"), told)
    status, headers, text = request(health, "GET", "/metrics", {"Accept": "text/plain"})
    told = headers["Content-Type"]
    tally.check("the older text is to be had", status == 200 and told.startswith("text/plain; version=0.0.4"), told)
    linted = promtool("check", "metrics", input=text)
    tally.check("promtool check metrics", linted.returncode == 0, (linted.stdout + linted.stderr).decode()[:600])


def api(web, what, **query):
    return json.loads(request(web, "GET", f"/api/v1/{what}?{urllib.parse.urlencode(query)}")[2])


def panels(tally, web, dashboard):
    places = {"$instance": ".*", "$__rate_interval": "10s"}
    asked = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [("note: " + note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]
    for title, expression in asked:
        for place, value in places.items():
            expression = expression.replace(place, value)
        needed = title not in QUIET and not title.startswith("note")
        answer = api(web, "query", query=expression)
        understood = answer["status"] == "success"
        tally.check(f"panel {title} is understood", understood, answer.get("error", ""))
        if understood and needed:
            tally.check(f"panel {title} has data", has_data(web, expression), expression)


def traced(tally, web):
    """Prometheus keeps the traces of requests beside the duration's buckets, and none of strangers."""
    query = {"query": "countersign_request_duration_seconds_bucket", "start": time.time() - 600, "end": time.time() + 600}

    def found():
        series = api(web, "query_exemplars", **query)["data"]
        return [exemplar for one in series for exemplar in one["exemplars"]]
    exemplars = wait_until("exemplars", found)
    strange = [one for one in exemplars if not one["labels"]["trace_id"].startswith(TRACE)]
    tally.check("traces of good requests stand beside the buckets", exemplars and not strange, strange or len(exemplars))


def has_data(web, expression):
    """A number, where the first scrapes may not have brought one yet."""
    def found():
        samples = api(web, "query", query=expression)["data"]["result"]
        return any(sample["value"][1] != "NaN" for sample in samples)
    try:
        return wait_until(expression, found)
    except RuntimeError:
        return False


if __name__ == "__main__":
    sys.exit(main())
