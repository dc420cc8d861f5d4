"""One pod of a rendered Deployment under podman, started, asked, fed and ended as the kubelet does it.

What podman cannot do is done here in the kubelet's stead: native sidecars (started one after the other, each after the startup probe
of the one before; ended after the app), probes from the node, `preStop` hooks, Secrets and ConfigMaps with their `..data` swap, and the
NetworkPolicy, as rules in the pod's network.
"""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from manifests import environment
from tools import wait_until


class Podman:
    """podman with a store of its own. Its limits are small, because raising them may not be allowed here."""

    def __init__(self, directory):
        self.directory = Path(directory)
        config = self.directory / "containers.conf"
        config.write_text('[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'
                          '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n')
        self.env = {**os.environ, "CONTAINERS_CONF": str(config), "BUILDAH_ISOLATION": "chroot"}
        self.store = ["--root", str(self.directory / "root"), "--runroot", str(self.directory / "run"), "--storage-driver", "vfs"]

    def __call__(self, *words, tool="podman", check=True):
        done = subprocess.run([tool, *self.store, *map(str, words)], env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if check and done.returncode:
            raise RuntimeError(f"{tool} {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout.strip() if check else done

    def python(self, name):
        """An image with the system's Python and what it needs, for an app that would come from a registry."""
        context = self.directory / "python"
        binary = Path("/usr/bin/python3").resolve()
        modules = sorted(Path("/usr/lib").glob(f"{binary.name}/lib-dynload/*.so"))
        linked = subprocess.run(["ldd", binary, *modules], capture_output=True, text=True).stdout.split()
        for path in {word for word in linked if word.startswith("/lib")} - {f"{module}:" for module in modules}:
            copied = context / path.strip("/")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
        shutil.copytree(f"/usr/lib/{binary.name}", context / "usr/lib" / binary.name, ignore=shutil.ignore_patterns("__pycache__", "test"))
        (context / "usr/bin").mkdir()
        shutil.copy(binary, context / "usr/bin/python3")
        (self.directory / "Dockerfile").write_text("FROM scratch\nCOPY . /\nENV PATH=/usr/bin\n")
        self("bud", "--quiet", "-f", self.directory / "Dockerfile", "-t", f"localhost/{name}", context, tool="buildah")


class Pod:
    """A pod of the Deployment in `objects` that `of` names; `secrets` holds what the Secrets do, by their names."""

    def __init__(self, podman, name, objects, secrets, of="orders"):
        self.podman, self.name, self.secrets, self.objects = podman, name, secrets, objects
        deployment = next(item for item in objects if item["kind"] == "Deployment" and item["metadata"]["name"] == of)
        self.labels, self.spec = deployment["spec"]["template"]["metadata"]["labels"], deployment["spec"]["template"]["spec"]
        self.place = podman.directory / name
        self.volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        self.sidecars = self.spec.get("initContainers", [])
        assert all(one.get("restartPolicy") == "Always" for one in self.sidecars), "only sidecars are known here"
        self.containers = [*self.sidecars, *self.spec["containers"]]

    def start(self):
        for name in self.volumes:
            self.fill(name)
        self.podman("pod", "create", "--name", self.name)
        infra = self.podman("pod", "inspect", self.name, "--format", "{{.InfraContainerID}}")
        self.podman("pod", "start", self.name)
        inspected = json.loads(self.podman("inspect", infra))[0]
        self.pid, network = inspected["State"]["Pid"], inspected["NetworkSettings"]["Networks"]["podman"]
        self.address, self.node = network["IPAddress"], network["Gateway"]
        for container in self.containers:
            self.podman("create", "--pod", self.name, "--name", self.full(container), "--pull=never", *self.options(container),
                        f"localhost/{container['image']}", *container.get("command", []), *container.get("args", []))
            self.podman("start", self.full(container))
            if "startupProbe" in container:
                wait_until(f"startup of {container['name']}", lambda: self.probe(container, "startupProbe"))
        for container in self.containers:
            wait_until(f"readiness of {container['name']}", lambda: self.probe(container, "readinessProbe"))

    def full(self, container):
        return f"{self.name}-{container['name']}"

    def options(self, container):
        """What the manifest demands, in podman's words; seccomp's RuntimeDefault is what podman does anyway."""
        context = container.get("securityContext", {})
        if "runAsUser" in context:
            yield f"--user={context['runAsUser']}:{context['runAsGroup']}"
        if context.get("readOnlyRootFilesystem"):
            yield from ("--read-only", "--read-only-tmpfs=false")
        if context.get("allowPrivilegeEscalation") is False:
            yield "--security-opt=no-new-privileges"
        yield from (f"--cap-drop={name}" for name in context.get("capabilities", {}).get("drop", []))
        memory = container.get("resources", {}).get("limits", {}).get("memory")
        yield from [f"--memory={memory.removesuffix('i').lower()}"] if memory else []
        yield from (f"--env={name}={value}" for name, value in environment(container, self.objects).items())
        for mount in container.get("volumeMounts", []):
            yield f"--volume={self.place / mount['name']}:{mount['mountPath']}:{'ro' if mount.get('readOnly') else 'rw'}"

    def fill(self, name):
        volume, place = self.volumes[name], self.place / name
        place.mkdir(parents=True)
        if "emptyDir" in volume:
            place.chmod(0o777)
        elif "secret" in volume:
            self.write(name, self.secrets[volume["secret"]["secretName"]])
        else:
            maps = {item["metadata"]["name"]: item for item in self.objects if item["kind"] == "ConfigMap"}
            self.write(name, maps[volume["configMap"]["name"]]["data"])

    def write(self, name, data):
        """The kubelet's way: a new directory, then `..data` points to it in one step."""
        place = self.place / name
        generation = place / f"..{time.time_ns()}"
        generation.mkdir()
        for file, text in data.items():
            (generation / file).write_text(text)
            if not (place / file).is_symlink():
                (place / file).symlink_to(f"..data/{file}")
        before = place / "..data"
        old = before.resolve() if before.is_symlink() else None
        (place / "..data_tmp").symlink_to(generation.name)
        (place / "..data_tmp").rename(before)
        for file in place.iterdir():
            if not file.name.startswith("..") and file.name not in data:
                file.unlink()
        if old:
            shutil.rmtree(old)

    def close(self, peer=None):
        """What a network plugin makes of the pod's NetworkPolicy: others only where it says so. `peer` is whom `from` selects."""
        policies = [item["spec"] for item in self.objects if item["kind"] == "NetworkPolicy"]
        policy = next(spec for spec in policies if spec["podSelector"]["matchLabels"].items() <= self.labels.items())
        opened = [(["-s", peer] if "from" in rule else [], port) for rule in policy["ingress"] for port in rule["ports"]]
        rules = [["-i", "lo", "-j", "ACCEPT"], ["-s", self.node, "-j", "ACCEPT"], ["-m", "state", "--state", "ESTABLISHED", "-j", "ACCEPT"]]
        rules += [[*sender, "-p", port["protocol"].lower(), "--dport", str(port["port"]), "-j", "ACCEPT"] for sender, port in opened]
        for rule in [*rules, ["-j", "REJECT"]]:
            subprocess.run(["nsenter", "-t", str(self.pid), "-n", "iptables", "-A", "INPUT", *rule], check=True)

    def probe(self, container, kind):
        """Asks from the node, as the kubelet does."""
        probe = container[kind]
        if "grpc" in probe:
            return self.is_serving(probe["grpc"]["port"])
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        how = probe.get("httpGet") or probe["tcpSocket"]
        port = ports.get(how["port"], how["port"])
        try:
            if "tcpSocket" in probe:
                socket.create_connection((self.address, port), timeout=1).close()
                return True
            connection = HTTPConnection(self.address, port, timeout=probe.get("timeoutSeconds", 1))
            connection.request("GET", how["path"])
            return 200 <= connection.getresponse().status < 400
        except OSError:
            return False

    def is_serving(self, port):
        """What a gRPC probe asks: grpc.health.v1.Health/Check, for no service by name."""
        ask = ["curl", "-sS", "--max-time", "1", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
               "--data-binary", "@-", f"http://{self.address}:{port}/grpc.health.v1.Health/Check"]
        done = subprocess.run(ask, input=b"\0\0\0\0\0", capture_output=True)
        return done.stdout == b"\0\0\0\0\2\x08\1"

    def end(self):
        """Ends the pod: hooks of all containers at once, SIGTERM to the app, then to each sidecar in turn. What each of ours ended with."""
        hooks = {container["name"]: threading.Thread(target=self.hook, args=(container,)) for container in self.containers}
        for thread in hooks.values():
            thread.start()
        apps = [one for one in self.containers if one not in self.sidecars]
        ours = [one for one in self.containers if one["name"].startswith("countersign")]
        for container in [*apps, *reversed(self.sidecars)]:
            hooks[container["name"]].join()
            self.podman("kill", "--signal=TERM", self.full(container), check=False)
            if container not in ours:       # what an app ends with is its own affair
                self.podman("stop", "--time=1", self.full(container), check=False)
        return {one["name"]: int(self.podman("wait", self.full(one))) for one in ours}

    def hook(self, container):
        hook = container.get("lifecycle", {}).get("preStop", {})
        if "exec" in hook:
            self.podman("exec", self.full(container), *hook["exec"]["command"])
        elif "sleep" in hook:
            time.sleep(hook["sleep"]["seconds"])

    def remove(self):
        self.podman("pod", "rm", "--force", "--time=1", self.name, check=False)

    def logs(self):
        return "\n".join(self.podman("logs", self.full(one), check=False).stdout[-1500:] for one in self.containers)
