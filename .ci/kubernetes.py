"""Every kustomization rendered by kubectl, validated against two versions of Kubernetes, and asked for the facts that matter.

usage: kubernetes.py COUNTERSIGN [--planted]     (with --planted: shows that each mistake is found)
       kubernetes.py --write                     (writes what is generated: the PrometheusRule, and files of the Helm chart)
"""

import copy
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

from manifests import problems
from tools import ROOT, Tally

HERE = ROOT / "deploy" / "kubernetes"
CHART = ROOT / "deploy" / "helm" / "countersign"
VERSIONS = ("1.33", "1.37")
BEFORE = "orders"       # the example as it was, without a gateway


def rendered(place):
    done = subprocess.run(["kubectl", "kustomize", place], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return list(yaml.safe_load_all(done.stdout))


def kustomizations():
    for path in sorted(HERE.rglob("kustomization.yaml")):
        if yaml.safe_load(path.read_text()).get("kind") != "Component":
            yield path.parent


def alerts():
    """The alerts as the Prometheus Operator takes them."""
    comment, groups = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text().split("groups:\n")
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "app-countersign"}}
    lines = ["spec:\n", "  groups:\n", *(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))]
    return f"# Written by `python3 .ci/kubernetes.py --write` from deploy/prometheus/alerts.yaml.\n{yaml.safe_dump(head)}{''.join(lines)}"


def generated():
    """What is there twice, because neither kustomize nor Helm reads beyond its own directory."""
    return {
        HERE / "monitoring" / "prometheus-rule.yaml": alerts(),
        CHART / "files" / "alerts.yaml": (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(),
        CHART / "files" / "countersign.yaml": (HERE / "standalone" / "countersign.yaml").read_text(),
    }


SHAPED = {"spec": {"template": {"spec": {
    "initContainers": [{"name": "migrate", "image": "migrate:1"}],
    "containers": [{"name": "orders", "lifecycle": {"postStart": {"exec": {"command": ["/warm"]}}}}]}}}}


def shaped(patch, second=False):
    """The Component on the example with this patch; with `second`, on two Deployments, which is refused."""
    with tempfile.TemporaryDirectory() as directory:
        here = os.path.relpath(HERE, os.path.realpath(directory))
        deployment = yaml.safe_load((HERE / "examples" / BEFORE / "deployment.yaml").read_text())
        base = {"resources": [f"../{here}/examples/{BEFORE}", *(["second.yaml"] if second else [])],
                "patches": [{"target": {"kind": "Deployment"}, "patch": yaml.safe_dump(deployment | patch)}]}
        Path(directory, "base").mkdir()
        Path(directory, "base", "second.yaml").write_text(yaml.safe_dump(deployment | {"metadata": {"name": "second"}}))
        Path(directory, "base", "kustomization.yaml").write_text(yaml.safe_dump(base))
        Path(directory, "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["base"], "components": [f"{here}/gateway"]}))
        return rendered(directory)


def shapes(tally, binary):
    """Apps that are not the example."""
    objects = shaped(SHAPED)
    names = [one["name"] for one in pod(objects)["initContainers"]]
    tally.check("the gateway starts before the app's own init containers", names == ["countersign", "migrate"], names)
    hooks = pod(objects)["containers"][0]["lifecycle"]
    tally.check("a hook of the app is kept beside the sleep", hooks.keys() == {"postStart", "preStop"}, hooks)
    wrong = list(problems(objects, binary))
    tally.check("the facts hold with an app of another shape", not wrong, "\n".join(wrong))
    try:
        told = f"{len(shaped(SHAPED, second=True))} objects"
    except RuntimeError as error:
        told = str(error)
    tally.check("two Deployments in one kustomization are refused", "multiple matches" in told, told[-120:].strip())


def pages():
    """Every piece of a kustomization that the pages show: (name, objects) of the example with it."""
    for page in ("kubernetes.md", "kubernetes-keys.md"):
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.M | re.S)):
            piece = {} if "{{" in block else yaml.safe_load(block)
            if not piece.keys() & {"components", "configMapGenerator", "patches"} or "kind" in piece:
                continue
            with tempfile.TemporaryDirectory() as directory:
                here = os.path.relpath(HERE, os.path.realpath(directory))
                components = [f"{here}/{component.rpartition('/')[2]}" for component in ["/gateway", *piece.get("components", [])]]
                whole = piece | {"resources": [f"{here}/examples/{BEFORE}"], "components": list(dict.fromkeys(components))}
                Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(whole))
                own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}}
                text = (HERE / "gateway" / "countersign.yaml").read_text()
                Path(directory, "countersign.yaml").write_text(yaml.safe_dump(own | {"data": {"countersign.yaml": f"{text}# own\n"}}))
                yield f"{page}, block {number}", rendered(directory)


def shown():
    """The Component's configuration as docs/kubernetes.md lets it run on one machine."""
    text = (HERE / "gateway" / "countersign.yaml").read_text()
    for there, here in (("18080", "8080"), ("18081", "8081"), ("18083", "8083")):
        text = text.replace(f'"${{BIND:-0.0.0.0}}:{there}', f'"127.0.0.1:{here}')
    return text.replace("/etc/countersign/keys", "keys").replace("unix:/run/countersign/admin.sock", "127.0.0.1:8082")


def invalid(objects, version):
    """What the schemas of this version do not know. Those of the Prometheus Operator are not at hand."""
    for item in objects:
        if item["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{item['kind']}/{item['metadata']['name']}: {error.message}"


def of(objects, kind):
    return next(item for item in objects if item["kind"] == kind)


def pod(objects):
    return of(objects, "Deployment")["spec"]["template"]["spec"]


def sidecar(objects):
    return pod(objects)["initContainers"][0]


def config(objects, old, new):
    told = [item["data"] for item in objects if old in item.get("data", {}).get("countersign.yaml", "")]
    assert told, old
    for data in told:
        data["countersign.yaml"] = data["countersign.yaml"].replace(old, new)


PLANTED = {
    "a Service that leads past the gateway": lambda o: of(o, "Service")["spec"]["ports"][0].update(targetPort="http"),
    "a Service that selects nothing": lambda o: of(o, "Service")["spec"]["selector"].update(app="other"),
    "a policy that opens the app's port": lambda o: of(o, "NetworkPolicy")["spec"]["ingress"][0]["ports"].append({"port": 8000}),
    "a policy that opens every port": lambda o: of(o, "NetworkPolicy")["spec"]["ingress"][0].pop("ports"),
    "a policy for other pods": lambda o: of(o, "NetworkPolicy")["spec"]["podSelector"].update(matchLabels={"app": "other"}),
    "a Deployment that selects other pods": lambda o: of(o, "Deployment")["spec"]["selector"]["matchLabels"].update(tier="front"),
    "an ordinary init container": lambda o: sidecar(o).pop("restartPolicy"),
    "another image": lambda o: sidecar(o).update(image="countersign:latest"),
    "root": lambda o: sidecar(o)["securityContext"].update(runAsUser=0),
    "a root file system that can be written": lambda o: sidecar(o)["securityContext"].update(readOnlyRootFilesystem=False),
    "a capability": lambda o: sidecar(o)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    "privilege": lambda o: sidecar(o)["securityContext"].update(privileged=True),
    "no seccomp profile": lambda o: sidecar(o)["securityContext"].pop("seccompProfile"),
    "the node's network": lambda o: pod(o).update(hostNetwork=True),
    "no memory limit": lambda o: sidecar(o)["resources"].pop("limits"),
    "liveness that asks for readiness": lambda o: sidecar(o)["livenessProbe"]["httpGet"].update(path="/readyz"),
    "a probe of another port": lambda o: sidecar(o)["readinessProbe"]["httpGet"].update(port="countersign"),
    "no startup probe": lambda o: sidecar(o).pop("startupProbe"),
    "a Secret by subPath": lambda o: sidecar(o)["volumeMounts"][1].update(subPath="key"),
    "a configuration that can be written": lambda o: sidecar(o)["volumeMounts"][0].pop("readOnly"),
    "a volume that is not there": lambda o: pod(o)["volumes"].pop(2),
    "a gateway that does not drain": lambda o: sidecar(o).pop("lifecycle"),
    "an app that leaves while the gateway drains": lambda o: pod(o)["containers"][0].pop("lifecycle"),
    "a pod that is killed while it drains": lambda o: pod(o).update(terminationGracePeriodSeconds=10),
    "another port of the app": lambda o: sidecar(o)["env"][0].update(value="8001"),
    "a configuration with a mistake": lambda o: config(o, "verify:", "verfy:"),
    "a configuration with a warning": lambda o: config(o, "lint:", "# lint:"),
    "a listener on another port": lambda o: config(o, ":18080", ":18082"),
    "health on another port": lambda o: config(o, ":18081", ":18082"),
    "a keyring from elsewhere": lambda o: config(o, "/etc/countersign/keys", "/keys"),
}
ALONE = {
    "replicas that the autoscaler takes back": lambda o: of(o, "Deployment")["spec"].update(replicas=2),
    "an autoscaler for nobody": lambda o: of(o, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="other"),
    "a disruption budget for other pods": lambda o: of(o, "PodDisruptionBudget")["spec"]["selector"].update(matchLabels={"app": "other"}),
    "pods that are spread by other labels":
        lambda o: pod(o)["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"app": "other"}),
    "no Secret": lambda o: pod(o)["volumes"][1].update(emptyDir=pod(o)["volumes"][1].pop("secret") and {}),
}
SCRAPED = {
    "a monitor of other pods": lambda o: of(o, "PodMonitor")["spec"]["selector"].update(matchLabels={"app": "other"}),
    "a monitor of other ports": lambda o: of(o, "PodMonitor")["spec"].update(podMetricsEndpoints=[{"port": "http"}]),
    "a signer for everybody": lambda o: config(o, "127.0.0.1:18090", "0.0.0.0:18090"),
}
UNKNOWN = {
    "a field that Kubernetes does not know": lambda o: sidecar(o).update(readynessProbe={}),
    "a port that is no number": lambda o: sidecar(o)["ports"][0].update(containerPort="18080"),
}


def planted(binary, tally):
    facts = lambda bad: problems(bad, binary)
    schema = lambda bad: invalid(bad, VERSIONS[0])
    for place, mistakes, find in (("examples/protected", PLANTED, facts), ("examples/protected", UNKNOWN, schema),
                                  ("standalone", ALONE, facts), ("examples/signing", SCRAPED, facts)):
        good = rendered(HERE / place)
        tally.check(f"{place} holds", not list(find(good)))
        for name, plant in mistakes.items():
            bad = copy.deepcopy(good)
            plant(bad)
            found = list(find(bad))
            tally.check(f"found: {name}", found, found[0].splitlines()[0] if found else "nothing")
    return tally.close()


def main():
    if "--write" in sys.argv:
        return 0 if all(path.write_text(text) for path, text in generated().items()) else 1
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    if "--planted" in sys.argv:
        return planted(binary, tally)
    for path, text in generated().items():
        tally.check(f"{path.relative_to(ROOT)} is what --write writes", path.read_text() == text)
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    tally.check("docs/kubernetes.md runs the Component's configuration", f"```yaml\n{shown()}```" in page)
    shapes(tally, binary)
    for name, objects in pages():
        wrong = [line for version in VERSIONS for line in invalid(objects, version)]
        tally.check(f"{name} renders and is valid", not wrong, "\n".join(wrong))
        wrong = [line for line in problems(objects, binary) if "image registry.example.com/" not in line]
        tally.check(f"{name}: its facts hold", not wrong, "\n".join(wrong))
    for place in kustomizations():
        name, objects = place.relative_to(HERE), rendered(place)
        for version in VERSIONS:
            wrong = list(invalid(objects, version))
            tally.check(f"{name}: {len(objects)} objects are valid in {version}", not wrong, "\n".join(wrong))
        if place.name != BEFORE:
            wrong = list(problems(objects, binary))
            tally.check(f"{name}: its facts hold", not wrong, "\n".join(wrong))
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
