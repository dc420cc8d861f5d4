"""The sidecars of deploy/kubernetes as pods, from the rendered manifests and the image: who gets in, who does not, new keys, and the end.

usage: pod.py IMAGE.tar       (as root, with podman; `.ci/image BINARY IMAGE.tar` makes it)
"""

import re
import secrets
import socket
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from kubelet import Pod, Podman
from kubernetes import HERE, of, rendered, shaped
from manifests import IMAGE
from tools import ROOT, Tally, signed, wait_until

PUBLIC, HEALTH, PROBES, SIGNER, APP, METRICS, GRPC = 18080, 18081, 18083, 18090, 8000, 9000, 9090
KEY, LATER = secrets.token_hex(32), secrets.token_hex(32)
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
CALL = "import sys, urllib.request; print(urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[1]}/calls', b'unsigned').read().decode())"


def ask(address, port, method="GET", target="/", headers=None, body=b""):
    connection = HTTPConnection(address, port, timeout=30)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def post(pod, key, body):
    return ask(pod.address, PUBLIC, "POST", "/orders", signed(key, body), body)


def opens(podman, address, port):
    """Whether another pod reaches this port."""
    knock = ("python3", "-c", KNOCK, address, port)
    return podman("run", "--rm", "--pull=never", "localhost/python:3.13-alpine", *knock, check=False).returncode == 0


def guarded(tally, podman, pod):
    """What holds for every pod with the gateway in front."""
    tally.check(f"{pod.name}: unsigned is 401", ask(pod.address, PUBLIC)[0] == 401)
    tally.check(f"{pod.name}: a wrong key is 401", post(pod, LATER, b"one")[0] == 401)
    told = post(pod, KEY, b"one")
    tally.check(f"{pod.name}: signed is 200, and the app knows by whom", told == (200, "POST /orders by key-1: one\n"), told)
    tally.check(f"{pod.name}: its copy is 409", post_again(pod) == (200, 409))
    for port, name in ((APP, "the app"), (METRICS, "the app's metrics"), (PROBES, "the path for probes")):
        if (pod.name, port) != ("loopback", PROBES):
            tally.check(f"{pod.name}: another pod does not reach {name}", not opens(podman, pod.address, port))
    for port in (PUBLIC, HEALTH):
        tally.check(f"{pod.name}: another pod reaches {port}", opens(podman, pod.address, port))
    for container in pod.containers:
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            if kind in container:
                tally.check(f"{pod.name}: {kind} of {container['name']}", patient(lambda: pod.probe(container, kind)))


def fresh():
    return secrets.token_hex(8).encode()


def patient(ask):
    try:
        return wait_until("it", ask)
    except RuntimeError:
        return False


def post_again(pod):
    headers = signed(KEY, b"again")
    return tuple(ask(pod.address, PUBLIC, "POST", "/orders", headers, b"again")[0] for _ in range(2))


def rotates(tally, pod):
    """A Secret that changes, as the kubelet brings it."""
    pod.write("countersign-keys", {"key-1": KEY, "key-2": LATER})
    tally.check("a key that is added to the Secret is taken", patient(lambda: post(pod, LATER, fresh())[0] == 200))
    tally.check("while the old one still is", post(pod, KEY, b"both")[0] == 200)
    asked = ("/countersign", "keys", "list", "--config", "/etc/countersign/config/countersign.yaml")
    listed = pod.podman("exec", "protected-countersign", *asked)
    both = re.search(r"key-1 +active.*\n.*key-2 +active .*used", listed)
    tally.check("`keys list` in the container knows both and their use", both, listed)
    pod.write("countersign-keys", {"key-2": LATER})
    tally.check("a key that is removed is not", patient(lambda: post(pod, KEY, fresh())[0] == 401))
    tally.check("while the new one still is", post(pod, LATER, b"alone")[0] == 200)


def returns(tally, pod):
    """A gateway that was killed is started again by the kubelet, beside what it left in its volumes."""
    pod.podman("kill", "--signal=KILL", "protected-countersign")
    pod.podman("wait", "protected-countersign")
    tally.check("without the gateway nobody gets in", not reached(pod))
    pod.podman("start", "protected-countersign")
    tally.check("a gateway that was killed comes back", patient(lambda: pod.probe(pod.containers[0], "readinessProbe")))
    tally.check("and serves", post(pod, LATER, b"after")[0] == 200)


def ends(tally, pod, key):
    """Deleting the pod: who comes meanwhile is served, who has begun may finish, then all ends with 0."""
    body = b"slowly"
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(key, body).items())
    begun = socket.create_connection((pod.address, PUBLIC), timeout=30)
    begun.sendall(f"POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body[:-1])
    codes, start = {}, time.monotonic()
    ending = threading.Thread(target=lambda: codes.update(pod.end()))
    ending.start()
    wait_until("readiness to be taken back", lambda: not pod.probe(pod.containers[0], "readinessProbe"))
    told = [post(pod, key, fresh())[0] for _ in range(20)]
    tally.check(f"{pod.name}: who still comes while readiness is off is served", told == [200] * 20, told)
    wait_until("the listener to be closed", lambda: not reached(pod))
    begun.sendall(body[-1:])
    answer = begun.recv(4096)
    tally.check(f"{pod.name}: who began before may finish after the listener has closed", answer.startswith(b"HTTP/1.1 200 "), answer[:80])
    ending.join()
    took = time.monotonic() - start
    tally.check(f"{pod.name}: it ends with 0", codes and not any(codes.values()), codes)
    tally.check(f"{pod.name}: within the pod's 30 s", took < 30, f"{took:.1f} s")


def reached(pod):
    try:
        socket.create_connection((pod.address, PUBLIC), timeout=1).close()
        return True
    except OSError:
        return False


def protected(tally, podman):
    """The app as it was, on every address: the policy closes it, its own probes and metrics are the node's to ask."""
    pod = Pod(podman, "protected", rendered(HERE / "examples" / "protected"), {"orders-keys": {"key-1": KEY}})
    try:
        pod.start()
        tally.check("protected: without a policy another pod reaches the app", opens(podman, pod.address, APP))
        pod.close()
        guarded(tally, podman, pod)
        tally.check("the app's metrics answer the node", ask(pod.address, METRICS, target="/metrics") == (200, "orders_up 1\n"))
        rotates(tally, pod)
        returns(tally, pod)
        ends(tally, pod, LATER)
    except RuntimeError as error:
        tally.check("protected", False, f"{error}\n{pod.logs()}")
    finally:
        pod.remove()


def with_grpc():
    """A second container of the app that has no probes but those over gRPC."""
    serve = ["python3", "-c", (ROOT / ".ci" / "grpc_health.py").read_text(), str(GRPC)]
    probes = {kind: {"grpc": {"port": GRPC}} for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
    second = {"name": "prices", "image": "python:3.13-alpine", "command": serve, "ports": [{"name": "grpc", "containerPort": GRPC}]}
    return {"spec": {"template": {"spec": {"containers": [second | probes]}}}}


def grpc(tally, podman):
    """An app with gRPC probes of its own: they work as before, and their port is closed to others."""
    before = with_grpc()["spec"]["template"]["spec"]["containers"][0]
    objects = shaped(with_grpc())
    applied = next(one for one in of(objects, "Deployment")["spec"]["template"]["spec"]["containers"] if one["name"] == "prices")
    of_app = {name: value for name, value in applied.items() if name != "lifecycle"}
    tally.check("gRPC probes of the app are as they were, and all else but its end", of_app == before)
    pod = Pod(podman, "grpc", objects, {"orders-keys": {"key-1": KEY}})
    try:
        pod.start()
        pod.close()
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            tally.check(f"grpc: {kind} over gRPC", patient(lambda: pod.probe(applied, kind)))
        tally.check("grpc: another pod does not reach their port", not opens(podman, pod.address, GRPC))
        tally.check("grpc: unsigned is 401", ask(pod.address, PUBLIC)[0] == 401)
        podman("kill", "--signal=STOP", "grpc-prices")
        tally.check("grpc: an app that hangs is noticed", not pod.probe(applied, "livenessProbe"))
    except RuntimeError as error:
        tally.check("grpc", False, f"{error}\n{pod.logs()}")
    finally:
        pod.remove()


def loopback(tally, podman):
    """The app on 127.0.0.1, and no policy at all."""
    pod = Pod(podman, "loopback", rendered(HERE / "examples" / "loopback"), {"orders-keys": {"key-1": KEY}})
    try:
        pod.start()
        guarded(tally, podman, pod)
        told = [ask(pod.address, PROBES, target=target)[0] for target in ("/healthz", "/", "/orders", "/healthz/..")]
        tally.check("the port for probes leads to one path", told == [200, 404, 404, 400], told)
    except RuntimeError as error:
        tally.check("loopback", False, f"{error}\n{pod.logs()}")
    finally:
        pod.remove()


def signing(tally, podman):
    """The signer beside the gateway. The partner is the pod itself: what the signer signs, the gateway verifies."""
    objects = rendered(HERE / "examples" / "signing")
    settings = next(item for item in objects if item["metadata"]["name"].startswith("orders-signer-settings"))
    settings["data"] = {"PARTNER_URL": f"http://127.0.0.1:{PUBLIC}", "SCHEME": "timestamp-body"}
    pod = Pod(podman, "signing", objects, {"orders-keys": {"key-1": KEY}, "orders-signer-keys": {"key-1": KEY}})
    try:
        pod.start()
        told = podman("exec", "signing-orders", "python3", "-c", CALL, SIGNER)
        tally.check("what the app sends to the signer leaves signed", told == "POST /calls by key-1: unsigned", told)
        tally.check("another pod does not reach the signer", not opens(podman, pod.address, SIGNER))
        codes = pod.end()
        tally.check("gateway and signer end with 0", codes == {"countersign": 0, "countersign-signer": 0}, codes)
    except RuntimeError as error:
        tally.check("signing", False, f"{error}\n{pod.logs()}")
    finally:
        pod.remove()


def standalone(tally, podman):
    """The gateway in a pod of its own, and the app in another that lets in the gateway only."""
    objects = rendered(HERE / "examples" / "standalone")
    app = Pod(podman, "behind", objects, {})
    pod = Pod(podman, "standalone", objects, {"countersign-keys": {"key-1": KEY}}, of="countersign")
    try:
        app.start()
        # There is no Service here: its name becomes the address of its pod.
        settings = next(item for item in objects if item["metadata"]["name"].startswith("countersign-settings"))
        settings["data"]["UPSTREAM_URL"] = f"http://{app.address}:{APP}"
        pod.start()
        pod.close()
        app.close(pod.address)
        tally.check("standalone: unsigned is 401", ask(pod.address, PUBLIC)[0] == 401)
        told = post(pod, KEY, b"one")
        tally.check("standalone: signed is 200", told == (200, "POST /orders by key-1: one\n"), told)
        tally.check("standalone: another pod does not reach the app", not opens(podman, app.address, APP))
        tally.check("standalone: another pod reaches the gateway", opens(podman, pod.address, PUBLIC))
        ends(tally, pod, KEY)
    except RuntimeError as error:
        tally.check("standalone", False, f"{error}\n{pod.logs()}")
    finally:
        pod.remove()
        app.remove()


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        podman = Podman(directory)
        loaded = podman("load", "--quiet", "--input", Path(sys.argv[1]).resolve()).split()[-1]
        podman("tag", loaded, f"localhost/{IMAGE}")
        podman.python("python:3.13-alpine")
        protected(tally, podman)
        grpc(tally, podman)
        loopback(tally, podman)
        signing(tally, podman)
        standalone(tally, podman)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
