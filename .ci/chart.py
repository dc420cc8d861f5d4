"""The Helm chart, rendered by Helm's engine: valid, true to the same facts, and by default the same as deploy/kubernetes/standalone.

usage: chart.py COUNTERSIGN
"""

import re
import sys
from pathlib import Path

import helm_sdkpy
import yaml

from helm import rendered as charted
from kubernetes import CHART, HERE, VERSIONS, invalid, rendered
from manifests import VERSION, problems
from tools import Tally

MANAGED = ("app.kubernetes.io/managed-by", "helm.sh/chart")
CONFIG = (HERE / "standalone" / "countersign.yaml").read_text()
VALUES = {
    "nothing said": {},
    "a partner's scheme": {"upstream": "http://orders.shop:8080", "scheme": "standard-webhooks", "replay": "nonce", "restartGuard": True},
    "monitoring, and no scaling": {"monitoring": {"enabled": True}, "autoscaling": {"enabled": False}, "replicas": 3, "spread": []},
    "a place of its own": {
        "tolerations": [{"key": "edge", "operator": "Exists"}], "nodeSelector": {"zone": "a"}, "imagePullSecrets": [{"name": "registry"}],
        "podLabels": {"team": "x"}, "podAnnotations": {"note": "x"}, "terminationGracePeriodSeconds": 60,
    },
    "a service for all, and a Secret": {"service": {"type": "LoadBalancer", "port": 8080}, "keys": {"secret": "partners"}, "spool": "2Gi"},
    "a configuration of one's own": {"config": CONFIG.replace("drain: 10s", "drain: 20s")},
}
REFUSED = {
    "a value that nobody knows": {"upstrem": "http://app"},
    "an upstream that is no URL": {"upstream": "app:8000"},
    "a way of telling replays that there is not": {"replay": "always"},
    "a port that is too large": {"service": {"port": 70000}},
    "a size without unit": {"spool": "1000"},
    "too little time to drain": {"terminationGracePeriodSeconds": 5},
}


def plain(objects):
    """The objects by kind and name, without what only says who made them and which configuration they were made for."""
    text = re.sub(r"\b(countersign(?:-settings)?)-[0-9a-z]{10}\b", r"\1", yaml.safe_dump_all(objects))
    found = {}
    for item in yaml.safe_load_all(text):
        for name in MANAGED:
            item["metadata"].get("labels", {}).pop(name, None)
        if item["kind"] == "Deployment":
            item["spec"]["template"]["metadata"].pop("annotations", None)
        found[item["kind"], item["metadata"]["name"]] = item
    return found


def differences(ours, theirs, at=""):
    """Where two documents say different things."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys(), key=str):
            yield from differences(ours.get(name), theirs.get(name), f"{at}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{at}/{number}")
    elif ours != theirs:
        yield f"{at}: {ours!r}, {theirs!r}"


def refused(values):
    try:
        charted(CHART, "countersign", values)
    except helm_sdkpy.HelmError as error:
        return str(error)
    return ""


def main():
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    told = yaml.safe_load((CHART / "Chart.yaml").read_text())
    tally.check(f"the chart is of version {VERSION}", {told["version"], told["appVersion"]} == {VERSION})
    wrong = list(differences(plain(charted(CHART, "countersign")), plain(rendered(HERE / "standalone"))))
    tally.check("by default it is what kustomize makes of deploy/kubernetes/standalone", not wrong, "\n".join(wrong))
    wrong = list(differences(plain(charted(CHART, "countersign", {"spool": "2Gi"})), plain(rendered(HERE / "standalone"))))
    tally.check("a single difference would show", len(wrong) == 1, wrong)
    for name, values in VALUES.items():
        objects = charted(CHART, "gate", values)
        for version in VERSIONS:
            wrong = list(invalid(objects, version))
            tally.check(f"{name}: {len(objects)} objects are valid in {version}", not wrong, "\n".join(wrong))
        wrong = list(problems(objects, binary))
        tally.check(f"{name}: its facts hold", not wrong, "\n".join(wrong))
    for name, values in REFUSED.items():
        said = refused(values)
        tally.check(f"refused: {name}", "schema" in said, said.splitlines()[-1:])
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
