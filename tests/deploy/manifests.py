"""Do the manifests of an overlay hold together? tests/deploy/manifests.py RENDERED.yaml ...

Each object against Kubernetes' own schemas, strictly, for the oldest version that is supported and a newer one; and
what no schema knows: what is named is there, pods may do little, and what ends has the time to.
"""
import json
import pathlib
import re
import sys
import tomllib

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSIONS = ("1.30", "1.34")
ROLES = {"gateway", "reservation", "receipt", "projection"}
# That the installation has to bring itself: docs/deploying.md.
SECRETS_BY_HAND = {"holdfast-stores", "holdfast-payment", "holdfast-node-certificate", "holdfast-keys"}
# Of a node that ends, beyond what its settings say: serve.cpp's hand_over_margin, drain_margin, last_answers_within.
MARGINS_SECONDS = 1 + 5 + 2


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def default_of(setting):
    example = (ROOT / "holdfast.toml.example").read_text(encoding="utf-8")
    return tomllib.loads(example)[setting]


class Overlay:
    def __init__(self, path):
        self.name = pathlib.Path(path).stem
        self.objects = [each for each in yaml.safe_load_all(pathlib.Path(path).read_text(encoding="utf-8")) if each]
        self.faults = []

    def of_kind(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def names_of(self, kind):
        return {each["metadata"]["name"] for each in self.of_kind(kind)}

    def expect(self, holds, what):
        if not holds:
            self.faults.append(f"{self.name}: {what}")

    def deployments_with(self, labels):
        """Whose pods have these labels."""
        assert labels, "nobody is meant by no labels"
        return [each for each in self.of_kind("Deployment")
                if labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()]

    # --- What is checked ---

    def check_schemas(self):
        for each in self.objects:
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(each, version, strict=True)
                except kubernetes_validate.ValidationError as wrong:
                    where = "/".join(str(part) for part in wrong.path)
                    self.expect(False, f"{each['kind']} {each['metadata']['name']} for {version}: "
                                       f"{where}: {wrong.message}")

    def check_guards(self):
        for deployment in self.of_kind("Deployment"):
            name = deployment["metadata"]["name"]
            pod = deployment["spec"]["template"]["spec"]
            guards = pod["securityContext"]
            self.expect(guards.get("runAsNonRoot") and guards.get("runAsUser", 0) > 0, f"{name} may be root")
            self.expect(guards.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name} has no seccomp profile")
            self.expect(pod.get("automountServiceAccountToken") is False, f"{name} gets a token of the API")
            for container in pod["containers"]:
                own = container["securityContext"]
                self.expect(own.get("allowPrivilegeEscalation") is False, f"{name} may gain privileges")
                self.expect(own.get("readOnlyRootFilesystem") is True, f"{name} may write its root")
                self.expect(own.get("capabilities") == {"drop": ["ALL"]}, f"{name} has capabilities")
                self.expect({"requests", "limits"} <= container["resources"].keys(), f"{name} has no bounds")
                self.expect(not re.search(r":latest$|^[^:]+$", container["image"]), f"{name}: which {container['image']}?")

    def check_references(self):
        there = {"configMap": self.names_of("ConfigMap"), "secret": self.names_of("Secret")}
        for deployment in self.of_kind("Deployment"):
            name = deployment["metadata"]["name"]
            pod = deployment["spec"]["template"]["spec"]
            secrets = {each["secret"]["secretName"] for each in pod.get("volumes", []) if "secret" in each}
            maps = {each["configMap"]["name"] for each in pod.get("volumes", []) if "configMap" in each}
            for container in pod["containers"]:
                ports = {each["name"] for each in container.get("ports", [])}
                for variable in container.get("env", []):
                    source = variable.get("valueFrom", {})
                    secrets |= {source["secretKeyRef"]["name"]} if "secretKeyRef" in source else set()
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    get = container.get(probe, {}).get("httpGet")
                    self.expect(get is None or get["port"] in ports, f"{name}'s {probe} asks a port that it has not")
            for secret in secrets:
                generated = {each for each in there["secret"] if re.fullmatch(rf"{secret}|{secret}-\w{{10}}", each)}
                self.expect(secret in there["secret"] | SECRETS_BY_HAND, f"{name} wants a Secret {secret}")
                self.expect(secret in there["secret"] or not generated, f"{name} wants {secret}, not {generated}")
            for each in maps:
                self.expect(each in there["configMap"], f"{name} wants a ConfigMap {each}")
        for service in self.of_kind("Service"):
            behind = self.deployments_with(service["spec"]["selector"])
            self.expect(behind, f"nobody is behind Service {service['metadata']['name']}")
            for port in service["spec"]["ports"]:
                for deployment in behind:
                    ports = {each["name"] for container in deployment["spec"]["template"]["spec"]["containers"]
                             for each in container["ports"]}
                    self.expect(port["targetPort"] in ports, f"Service {service['metadata']['name']}: no port {port}")
        for policy in self.of_kind("NetworkPolicy"):
            self.expect(self.deployments_with(policy["spec"]["podSelector"]["matchLabels"]),
                        f"nobody is meant by NetworkPolicy {policy['metadata']['name']}")

    def nodes(self):
        return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each
                for each in self.deployments_with({"app.kubernetes.io/name": "holdfast"})}

    def check_nodes(self):
        self.expect(self.nodes().keys() == ROLES, f"roles are {sorted(self.nodes())}")
        paths = json.loads((ROOT / "http/openapi.json").read_text(encoding="utf-8"))["paths"]
        for role, node in self.nodes().items():
            name = node["metadata"]["name"]
            guarded = {kind: [each for each in self.of_kind(kind) if name_in(each) == name]
                       for kind, name_in in (("HorizontalPodAutoscaler", lambda o: o["spec"]["scaleTargetRef"]["name"]),
                                             ("PodDisruptionBudget", lambda o: o["metadata"]["name"]))}
            for kind, found in guarded.items():
                self.expect(len(found) == 1, f"{name} has {len(found)} {kind}s")
            for budget in guarded["PodDisruptionBudget"]:
                self.expect(self.deployments_with(budget["spec"]["selector"]["matchLabels"]) == [node],
                            f"the budget of {name} is another's")
            container = node["spec"]["template"]["spec"]["containers"][0]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                path = container[probe]["httpGet"]["path"]
                self.expect(path in paths and path.startswith("/actuator/"), f"{role}'s {probe} asks {path}")
            self.check_grace(node, container)

    def check_grace(self, node, container):
        """Whether it is not killed before it has ended by itself."""
        profile = tomllib.loads(self.profile_of(node))
        wait = {name: seconds(profile.get(name, default_of(name)))
                for name in ("drain-delay", "payment-timeout", "payment-wait")}
        longest = (container["lifecycle"]["preStop"]["sleep"]["seconds"] + wait["drain-delay"] +
                   2 * wait["payment-timeout"] + wait["payment-wait"] + MARGINS_SECONDS)
        grace = node["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        self.expect(grace >= longest, f"{node['metadata']['name']} may take {longest} s to end and has {grace}")

    def profile_of(self, deployment):
        names = [each["configMap"]["name"] for each in deployment["spec"]["template"]["spec"]["volumes"]
                 if "configMap" in each]
        return next(each for each in self.of_kind("ConfigMap") if each["metadata"]["name"] in names)["data"][
            "holdfast.toml"]

    def check(self):
        """What is wrong. Each check may take for granted what the ones before it have looked at."""
        for each in (self.check_schemas, self.check_references, self.check_guards, self.check_nodes):
            each()
            if self.faults:
                break
        return self.faults


def main():
    faults = []
    for path in sys.argv[1:]:
        overlay = Overlay(path)
        faults += overlay.check()
        print(f"manifests: {overlay.name}: {len(overlay.objects)} objects")
    for fault in faults:
        print(fault)
    return 1 if faults or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
