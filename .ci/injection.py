"""Injection by an admission policy: its CEL is written from the Component's sidecar, and makes the same pod as the Component.

usage: injection.py COUNTERSIGN [--write]

No API server is at hand: the expressions are evaluated by cel-python, with plain maps for the types `Object` and `JSONPatch` that only
an API server knows.
"""

import copy
import json
import re
import sys
from pathlib import Path

import celpy
import yaml

from chart import differences
from kubernetes import HERE, invalid, of, rendered
from manifests import problems
from tools import Tally

POLICY = HERE / "injection" / "policy.yaml"
SINCE = ("1.36", "1.37")        # what knows the policy in v1
KEYS, PORT = "countersign/keys", "countersign/port"
MAPS = ("limits", "requests")
HEAD = f"""# Puts the gateway into every new pod that is annotated, in namespaces with the label `countersign/inject: enabled`.
# docs/kubernetes.md tells how.
# Written by `python3 .ci/injection.py --write` from ../gateway/sidecar.yaml.
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata:
  name: countersign
spec:
  failurePolicy: Fail                   # no pod without its gateway
  reinvocationPolicy: IfNeeded
  matchConstraints:
    resourceRules:
      - {{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}}
  matchConditions:
    - name: asked-for
      expression: has(object.metadata.annotations) && "{KEYS}" in object.metadata.annotations
    - name: not-there-yet
      expression: "!has(object.spec.initContainers) || !object.spec.initContainers.exists(one, one.name == 'countersign')"
"""
PATCH = """
    [
      has(object.spec.initContainers)
        ? JSONPatch{op: "add", path: "/spec/initContainers/0", value: variables.sidecar}
        : JSONPatch{op: "add", path: "/spec/initContainers", value: [variables.sidecar]}
    ] + (
      has(object.spec.volumes)
        ? variables.volumes.map(volume, JSONPatch{op: "add", path: "/spec/volumes/-", value: volume})
        : [JSONPatch{op: "add", path: "/spec/volumes", value: variables.volumes}]
    ) + (
      has(object.spec.containers[0].lifecycle)
        ? []
        : [JSONPatch{op: "add", path: "/spec/containers/0/lifecycle", value: variables.lifecycle}]
    )
"""
BINDING = """---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata:
  name: countersign
spec:
  policyName: countersign
  matchResources:
    namespaceSelector:
      matchLabels: {countersign/inject: enabled}
"""


class Cel(str):
    """Text that is CEL already."""


def annotation(name):
    return Cel(f'object.metadata.annotations["{name}"]')


def written(value, kind, depth):
    """A value as CEL, with the type that an API server demands."""
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, Cel):
        return value
    if isinstance(value, list):
        return "[" + ", ".join(written(item, kind, depth) for item in value) + "]"
    if not isinstance(value, dict):
        return json.dumps(value)
    if kind.rpartition(".")[2] in MAPS:
        return json.dumps(value)
    fields = [f"{name}: {written(item, f'{kind}.{name}', depth + 1)}" for name, item in value.items()]
    if sum(map(len, fields)) < 90 and not any("\n" in field for field in fields):
        return f"{kind}{{{', '.join(fields)}}}"
    return f"{kind}{{\n{inner}" + f",\n{inner}".join(fields) + f"\n{outer}}}"


def policy():
    """The policy as it is written."""
    pod = yaml.safe_load((HERE / "gateway" / "sidecar.yaml").read_text())["spec"]["template"]["spec"]
    sidecar, volumes = pod["initContainers"][0], {volume["name"]: volume for volume in pod["volumes"]}
    sidecar["env"][0]["value"] = annotation(PORT)
    sidecar["envFrom"][0]["configMapRef"]["name"] = "countersign-settings"
    volumes["countersign-config"]["configMap"]["name"] = "countersign"
    volumes["countersign-keys"]["secret"]["secretName"] = annotation(KEYS)
    sleep = yaml.safe_load((HERE / "gateway" / "filled-in.yaml").read_text())["sleep"]
    variables = {
        "sidecar": written(sidecar, "Object.spec.initContainers", 0),
        "volumes": "[\n  " + ",\n  ".join(written(volume, "Object.spec.volumes", 1) for volume in volumes.values()) + "\n]",
        "lifecycle": written({"preStop": {"sleep": sleep}}, "Object.spec.containers.lifecycle", 0),
    }
    told = "".join(f"    - name: {name}\n      expression: |\n{indented(text, 8)}" for name, text in variables.items())
    patch = "\n".join(line[4:] for line in PATCH.strip("\n").splitlines())
    mutations = f"  mutations:\n    - patchType: JSONPatch\n      jsonPatch:\n        expression: |\n{indented(patch, 10)}"
    return f"{HEAD}  variables:\n{told}{mutations}{BINDING}"


def indented(text, by):
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def evaluated(expression, known):
    """What an expression is, with maps for messages."""
    plain = re.sub(r"\b(?:Object|JSONPatch)[.\w]*\{", "{", expression)
    parts = re.split(r'("[^"]*")', plain)       # names of fields stand outside of quotes
    parts[::2] = [re.sub(r"([{,]\s*|^\s*)(\w+):(?!:)", r'\1"\2":', part) for part in parts[::2]]
    environment = celpy.Environment()
    result = environment.program(environment.compile("".join(parts))).evaluate(known)
    try:
        return json.loads(json.dumps(result, cls=celpy.CELJSONEncoder))
    except TypeError as error:      # an error stands within the value
        raise celpy.CELEvalError(expression) from error


def patched(spec, pod):
    """The pod after the policy, or as it was where no condition asks for it."""
    known = {"object": celpy.json_to_cel(pod)}
    if not all(evaluated(condition["expression"], known) for condition in spec["matchConditions"]):
        return pod
    variables = {one["name"]: evaluated(one["expression"], known) for one in spec["variables"]}
    known["variables"] = celpy.json_to_cel(variables)
    done = copy.deepcopy(pod)
    for operation in evaluated(spec["mutations"][0]["jsonPatch"]["expression"], known):
        *above, last = operation["path"].strip("/").split("/")
        place = done
        for step in above:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), operation["value"])
        else:
            place[last] = operation["value"]
    return done


def pods():
    """The example's pod as it was, asking for the gateway; and what the Component makes of it."""
    bare, protected = rendered(HERE / "examples" / "orders"), rendered(HERE / "examples" / "protected")
    template = of(bare, "Deployment")["spec"]["template"]
    template["metadata"]["annotations"] = {KEYS: "orders-keys", PORT: "8000"}
    return template, protected


def main():
    if "--write" in sys.argv:
        return 0 if POLICY.write_text(policy()) else 1
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    tally.check("the policy is what --write writes", POLICY.read_text() == policy())
    objects = list(yaml.safe_load_all(POLICY.read_text()))
    for version in SINCE:
        wrong = list(invalid(objects, version))
        tally.check(f"it is valid in {version}", not wrong, "\n".join(wrong))
    spec = objects[0]["spec"]
    template, protected = pods()
    done = patched(spec, template)
    wanted = of(protected, "Deployment")["spec"]["template"]["spec"]
    by_name = lambda pod: {**pod, "volumes": {volume["name"]: volume for volume in pod["volumes"]}}
    wrong = [line for line in differences(by_name(done["spec"]), by_name(wanted)) if "/name: 'countersign" not in line]
    tally.check("an injected pod is what the Component makes, but for names", not wrong, "\n".join(wrong))
    tally.check("the policy leaves an injected pod alone", patched(spec, done) == done)
    tally.check("and one that does not ask", patched(spec, bare := {**template, "metadata": {"labels": {}}}) == bare)
    template["metadata"]["annotations"].pop(PORT)
    tally.check("one that does not name its port is refused", refused(spec, template))
    template["metadata"]["annotations"][PORT] = "8000"
    for without in ("volumes", "lifecycle"):
        tally.check(f"a pod with and without {without}", takes(spec, template, without))
    of(protected, "Deployment")["spec"]["template"]["spec"] = done["spec"]
    config = next(item for item in protected if "countersign.yaml" in item.get("data", {}))
    config["metadata"]["name"] = "countersign"
    wrong = list(problems(protected, binary))
    tally.check("its facts hold", not wrong, "\n".join(wrong))
    return tally.close()


def refused(spec, pod):
    """Whether an expression fails, which refuses the pod where the policy says `Fail`."""
    try:
        patched(spec, pod)
    except celpy.CELEvalError:
        return spec["failurePolicy"] == "Fail"
    return False


def takes(spec, template, without):
    """Whether what a pod has already is kept, and what it has not is made."""
    pod = copy.deepcopy(template)
    hook = {"postStart": {"exec": {"command": ["/warm"]}}}
    if without == "volumes":
        pod["spec"].pop("volumes")
        pod["spec"]["initContainers"] = [{"name": "migrate"}]
        done = patched(spec, pod)["spec"]
        return len(done["volumes"]) == 4 and [one["name"] for one in done["initContainers"]] == ["countersign", "migrate"]
    pod["spec"]["containers"][0]["lifecycle"] = hook
    return patched(spec, pod)["spec"]["containers"][0]["lifecycle"] == hook


if __name__ == "__main__":
    sys.exit(main())
