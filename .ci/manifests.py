"""What has to be true of rendered Kubernetes manifests, whoever rendered them: each fact that is not is one line."""

import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
IMAGE = f"countersign:{VERSION}"
PUBLIC, HEALTH = "public", "health"
SECRET = {"secret", "csi"}      # volumes that hold keys
SECURITY = {
    "runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
}


def problems(objects, binary):
    """Everything that is wrong with the gateways in these manifests."""
    workloads = [item for item in objects if item["kind"] == "Deployment"]
    gateways = [workload for workload in workloads if ours(workload)]
    yield from [] if gateways else ["no gateway in it"]
    for workload in workloads:
        yield from labels(workload)
    for workload in gateways:
        pod = workload["spec"]["template"]["spec"]
        yield from watched(workload, objects)
        if pod.get("hostNetwork") or any("hostPath" in volume for volume in pod.get("volumes", [])):
            yield "the pod has a part of its node"
        for container in ours(workload):
            yield from hardened(container)
            yield from mounts(container, pod)
            text, told = checked(container, pod, objects, binary)
            yield from told
            if text:
                yield from ports(container, workload, yaml.safe_load(text), objects)


def ours(workload):
    """The containers of a Deployment that are a gateway or a signer."""
    return [container for container in every(workload) if container["name"].startswith("countersign")]


def every(workload):
    pod = workload["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def labels(workload):
    wanted = workload["spec"]["selector"]["matchLabels"]
    if not wanted.items() <= workload["spec"]["template"]["metadata"]["labels"].items():
        yield "the Deployment does not select its own pods"


def watched(workload, objects):
    """What scales, spreads, guards or scrapes the pods means these pods."""
    pods, name = workload["spec"]["selector"]["matchLabels"], workload["metadata"]["name"]
    for item in objects:
        spec = item.get("spec", {})
        if item["kind"] in ("PodMonitor", "PodDisruptionBudget") and spec["selector"]["matchLabels"] != pods:
            yield f"{item['kind']} selects {spec['selector']['matchLabels']}"
        if item["kind"] == "HorizontalPodAutoscaler" and (spec["scaleTargetRef"]["name"] != name or "replicas" in workload["spec"]):
            yield f"{item['kind']} and Deployment disagree"
        named = {port["name"] for container in ours(workload) for port in container["ports"]}
        if item["kind"] == "PodMonitor" and not named & {endpoint["port"] for endpoint in spec["podMetricsEndpoints"]}:
            yield f"{item['kind']} scrapes none of {named}"
    for spread in workload["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
        if spread["labelSelector"]["matchLabels"] != pods:
            yield "the pods are spread by other labels"


def hardened(container):
    """Nothing that a gateway does not need, on any container of ours."""
    context = container.get("securityContext", {})
    for name, value in SECURITY.items():
        if context.get(name) != value:
            yield f"{container['name']}: securityContext.{name} is {context.get(name)}"
    if context.get("privileged") or not context.get("runAsUser", 0) > 0:
        yield f"{container['name']}: privileged, or no user by number"
    if container["image"] != IMAGE:
        yield f"{container['name']}: image {container['image']} is not {IMAGE}"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield f"{container['name']}: resources are not said"
    asked = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for probe, path in asked.items():
        if container.get(probe, {}).get("httpGet", {}).get("path") != path:
            yield f"{container['name']}: {probe} does not ask {path}"


def mounts(container, pod):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes.get(mount["name"], {})
        if not volume:
            yield f"{container['name']}: volume {mount['name']} is not there"
        if "subPath" in mount:
            yield f"{container['name']}: {mount['mountPath']} by subPath is never updated"
        if "emptyDir" not in volume and not mount.get("readOnly"):
            yield f"{container['name']}: {mount['mountPath']} can be written"
    if not any(SECRET & volumes.get(mount["name"], {}).keys() for mount in container["volumeMounts"]):
        yield f"{container['name']}: no Secret is mounted"


def environment(container, objects):
    """What the container's processes find in their environment."""
    found = {}
    for source in container.get("envFrom", []):
        wanted = source["configMapRef"]
        maps = [item for item in objects if item["kind"] == "ConfigMap" and item["metadata"]["name"] == wanted["name"]]
        if not maps and not wanted.get("optional"):
            raise KeyError(wanted["name"])
        for item in maps:
            found |= item.get("data", {})
    return found | {entry["name"]: entry["value"] for entry in container.get("env", [])}


def checked(container, pod, objects, binary):
    """The configuration as the container reads it, and what `countersign check` has to say about it."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    config = container["args"][container["args"].index("--config") + 1]
    env = environment(container, objects)
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        for mount in container["volumeMounts"]:
            place = here / mount["mountPath"].strip("/")
            place.mkdir(parents=True, exist_ok=True)
            fill(place, volumes.get(mount["name"], {}), objects)
        told = here / config.strip("/")
        if not told.exists():
            return None, [f"{container['name']}: {config} is mounted from nowhere"]
        text = told.read_text()
        told.write_text(moved(text, container, here))
        command = [binary, "check", "--deny", "warnings", "--config", told]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})
    wrong = [f"{container['name']}: check: {done.stdout}{done.stderr}"] if done.returncode else []
    return substituted(text, env), wrong


def fill(place, volume, objects):
    """What the kubelet would put there."""
    if SECRET & volume.keys():
        (place / "key-1").write_text("uT3vJ4LAAbOa1kxFrTWjev0p9dN7ysLwfn8wCxiVSZI")
    for item in objects:
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == volume.get("configMap", {}).get("name"):
            for name, text in item["data"].items():
                (place / name).write_text(text)


def moved(text, container, here):
    """The configuration with the places of this machine for those of the container."""
    places = "|".join(re.escape(mount["mountPath"]) for mount in container["volumeMounts"])
    return re.sub(rf"(?<=[ \":])(?:{places})\b", lambda found: f"{here}{found[0]}", text)


def substituted(text, env):
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: env.get(found[1], found[2] or ""), text)


def ports(container, workload, config, objects):
    """Listeners, probes, Service and policy speak of the same ports, and the app stays as long as the gateway drains."""
    name = container["name"]
    declared = {port["name"]: port["containerPort"] for port in container["ports"]}
    listening = {listener: number(settings["address"]) for listener, settings in config["listeners"].items()}
    health = number(config["health"])
    if set(declared.values()) != {port for listener, port in listening.items() if listener != "outbound"} | {health}:
        yield f"{name}: declares {declared}, listens on {listening} and {health}"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        port = container.get(probe, {}).get("httpGet", {}).get("port")
        if declared.get(port, port) != health:
            yield f"{name}: {probe} asks port {port}, health is {health}"
    if PUBLIC in listening:
        yield from reached(workload, listening[PUBLIC], health, objects)
        yield from drained(container, workload, config)
    if name in {one["name"] for one in workload["spec"]["template"]["spec"].get("initContainers", [])}:
        yield from beside(container, workload, config)
    elif "outbound" in listening:
        yield f"{name}: signs for other pods"


def number(address):
    return int(str(address).rpartition(":")[2])


def reached(workload, public, health, objects):
    pods = workload["spec"]["selector"]["matchLabels"]
    services = [item for item in objects if item["kind"] == "Service" and item["spec"].get("selector", {}).items() <= pods.items()]
    yield from [] if services else ["no Service leads to the gateway"]
    for service in services:
        if service["spec"]["ports"][0].get("targetPort") not in (public, "countersign"):
            yield f"the Service leads to {service['spec']['ports'][0].get('targetPort')}, past the gateway on {public}"
    policies = [item for item in objects if item["kind"] == "NetworkPolicy" and item["spec"]["podSelector"].get("matchLabels") == pods]
    yield from [] if policies else ["no NetworkPolicy selects the pods"]
    for policy in policies:
        opened = {port["port"] for rule in policy["spec"].get("ingress", []) for port in rule.get("ports", [{"port": "every"}])}
        told = {port["containerPort"] for one in ours(workload) for port in one["ports"] if port["name"].endswith("health")}
        if policy["spec"]["policyTypes"] != ["Ingress"] or opened != {public, health} | told:
            yield f"the NetworkPolicy opens {opened}"


def drained(container, workload, config):
    """Whoever is stopped first must not be needed any more."""
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    alone = container in workload["spec"]["template"]["spec"]["containers"]     # then SIGTERM comes at once, and drains
    if not alone and (command[:2] != ["/countersign", "drain"] or config["admin"] not in command):
        yield f"{container['name']}: preStop is {command}"
    socket = config["admin"].removeprefix("unix:")
    if not any(socket.startswith(mount["mountPath"] + "/") and not mount.get("readOnly") for mount in container["volumeMounts"]):
        yield f"{container['name']}: nowhere to make {socket}"
    needed = sum(seconds(config["timeouts"][name]) for name in ("drain_delay", "drain"))
    if needed >= workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30):
        yield f"draining takes {needed} s, longer than the pod has"
    for other in workload["spec"]["template"]["spec"]["containers"]:
        stays = other.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if other is not container and stays < needed:
            yield f"{other['name']} stays for {stays} s, the gateway drains for {needed} s"


def seconds(duration):
    return int(duration.removesuffix("s"))


def beside(container, workload, config):
    """A sidecar: native, and in front of a port that the app has."""
    if container.get("restartPolicy") != "Always":
        yield f"{container['name']}: is no native sidecar"
    apps = {port["containerPort"] for other in workload["spec"]["template"]["spec"]["containers"] for port in other.get("ports", [])}
    for upstream in config["upstreams"].values():
        url = upstream["url"]
        if url.startswith("http://") and (not url.startswith("http://127.0.0.1:") or number(url) not in apps):
            yield f"{container['name']}: {url} is not the app, which has {sorted(apps)}"
