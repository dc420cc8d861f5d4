"""Charts rendered by Helm's own engine, with an API server that takes everything.

The engine is had as a library that installs and has no dry run. The release that it stores with the server holds what it rendered.
"""

import asyncio
import base64
import gzip
import json
import re
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import helm_sdkpy
import yaml

KINDS = {
    "v1": {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"},
    "apps/v1": {"Deployment": "deployments"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "monitoring.coreos.com/v1": {"PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"},
}


def discovery(path):
    """What there is, as clients ask for it."""
    groups = {name: version for name, version in (group.split("/") for group in KINDS if "/" in group)}
    if path == "/version":
        return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = {name: {"groupVersion": f"{name}/{version}", "version": version} for name, version in groups.items()}
        listed = [{"name": name, "versions": [version], "preferredVersion": version} for name, version in versions.items()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    group = path.removeprefix("/apis/").removeprefix("/api/")
    if group in KINDS:
        common = {"singularName": "", "namespaced": True, "verbs": ["create", "get", "list", "patch", "delete"]}
        listed = [{"name": plural, "kind": kind, **common} for kind, plural in KINDS[group].items()]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": listed}
    return None


class Server(BaseHTTPRequestHandler):
    """Knows the kinds, has no objects, and takes all that it is given."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        told = discovery(path)
        if told is None and path.rpartition("/")[2] in {plural for kinds in KINDS.values() for plural in kinds.values()}:
            told = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.answer(*((200, told) if told else (404, missing)))

    def do_POST(self):
        given = self.rfile.read(int(self.headers["Content-Length"]))
        release = re.search(rb"H4sI[A-Za-z0-9+/]+=*", given)        # gzip in base64, in a Secret that comes as protobuf
        if release:
            self.server.releases.append(json.loads(gzip.decompress(base64.b64decode(release[0]))))
            given = json.dumps({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "release"}}).encode()
        self.answer(201, json.loads(given))

    do_PUT = do_PATCH = do_POST

    def answer(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def rendered(chart, release, values=None):
    """The objects of a chart, and an error of Helm where the values are not what its schema says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.releases = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config"
        cluster = {"name": "none", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}
        context = {"name": "none", "context": {"cluster": "none", "user": "none"}}
        config.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "none", "clusters": [cluster],
                                          "contexts": [context], "users": [{"name": "none", "user": {}}]}))
        helm = helm_sdkpy.Configuration(namespace="default", kubeconfig=str(config))
        try:
            asyncio.run(helm_sdkpy.Install(helm).run(release, str(chart), values=values, wait=False, timeout=20))
        finally:
            server.shutdown()
    return [item for item in yaml.safe_load_all(server.releases[-1]["manifest"]) if item]
