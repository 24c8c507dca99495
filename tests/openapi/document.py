"""openapi.json as a judge: does a request conform to it, is an answer one that it documents?

The schemas are evaluated by jsonschema-rs, a validator of JSON Schema 2020-12. For answers every object whose
properties are listed is taken for closed, so that a field which the document lacks is noticed.
"""
import copy
import json
import re
import urllib.parse

import jsonschema_rs

METHODS = ("get", "head", "options", "post", "delete", "put", "patch", "trace")
# What every answer has, by HTTP's own rules.
COMMON_HEADERS = {"date", "server", "content-type", "content-length", "transfer-encoding", "connection"}
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


class Untrue(Exception):
    """The document and the server disagree."""


def closed(node):
    """The same schemas, in which objects have no other properties than those that are listed."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {name: closed(value) for name, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        node.setdefault("additionalProperties", False)
    return node


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.closed_components = closed(copy.deepcopy(self.root["components"]))
        self.operations = {(method.upper(), path): self.resolve(operation)
                           for path, item in self.root["paths"].items()
                           for method, operation in item.items() if method in METHODS}

    def resolve(self, node):
        while "$ref" in node:
            found = self.root
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node

    def methods_of(self, path):
        return {method for method, each in self.operations if each == path}

    def path_of(self, target):
        """The pattern that a target's path belongs to: "/payments/{id}"."""
        path = urllib.parse.urlsplit(target).path
        for pattern in sorted(self.root["paths"]):
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), path):
                return pattern
        raise Untrue(f"{path} is not in the document")

    def statuses(self):
        """Every (method, path, status) that is documented."""
        return {(method, path, status) for (method, path), operation in self.operations.items()
                for status in operation["responses"]}

    def errors(self, schema, value, strict=False):
        components = self.closed_components if strict else self.root["components"]
        validator = jsonschema_rs.Draft202012Validator(
            {"allOf": [closed(schema) if strict else schema], "components": components}, validate_formats=True)
        return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(value)]

    # --- Requests ---

    def errors_of_request(self, method, target, headers, body):
        path = self.path_of(target)
        operation = self.operations[method, path]
        parameters = self.root["paths"][path].get("parameters", []) + operation.get("parameters", [])
        errors = []
        for parameter in map(self.resolve, parameters):
            errors += self.errors_of_parameter(parameter, values_of(parameter, path, target, headers))
        return errors + self.errors_of_body(operation, headers, body)

    def errors_of_parameter(self, parameter, values):
        name, schema = parameter["name"], self.resolve(parameter["schema"])
        if not values:
            return [f"{name} is missing"] if parameter.get("required") else []
        if len(values) > 1:
            return [f"{name} is given more than once"]
        return [f"{name}: {error}" for error in self.errors(schema, typed(schema, values[0]))]

    def errors_of_body(self, operation, headers, body):
        if "requestBody" not in operation:
            return []
        content = self.resolve(operation["requestBody"])["content"]
        media_type = headers.get("Content-Type", "").split(";")[0]
        if media_type not in content:
            return [f"the content type {media_type} is not in the document"]
        try:
            return self.errors(content[media_type]["schema"], json.loads(body))
        except ValueError as error:
            return [f"the body is no JSON: {error}"]

    # --- Answers ---

    def check_answer(self, method, target, answer):
        operation = self.operations[method, self.path_of(target)]
        if str(answer.status) not in operation["responses"]:
            raise Untrue(f"the status {answer.status} is not in the document")
        documented = self.resolve(operation["responses"][str(answer.status)])
        self.check_headers(documented.get("headers", {}), answer.headers)
        if method == "HEAD":
            if answer.body:
                raise Untrue("an answer to HEAD has a body")
        else:
            self.check_body(documented.get("content", {}), answer)

    def check_headers(self, documented, headers):
        names = {name.lower() for name in documented}
        for name in headers:
            if name not in names | COMMON_HEADERS:
                raise Untrue(f"the header {name} is not in the document")
        for name, header in documented.items():
            header = self.resolve(header)
            value = headers.get(name.lower())
            if value is None and header.get("required"):
                raise Untrue(f"the header {name} is missing")
            if value is not None:
                self.check(header["schema"], typed(self.resolve(header["schema"]), value), f"the header {name}")

    def check_body(self, content, answer):
        media_type = answer.headers.get("content-type")
        if not content:
            if answer.body or media_type:
                raise Untrue("there is a body where the document has none")
            return
        if media_type not in content:
            raise Untrue(f"the content type {media_type} is not in the document")
        value = answer.json() if media_type.endswith("json") else answer.body.decode()
        self.check(content[media_type]["schema"], value, "the body")

    def check(self, schema, value, what):
        errors = self.errors(schema, value, strict=True)
        if errors:
            raise Untrue(f"{what} is not as documented: {'; '.join(errors)}")

    def check_event(self, event):
        """One of a stream of events: its fields, and its data against the schema that is named like its type."""
        self.check({"$ref": "#/components/schemas/StreamedEvent"}, event, f"the event {event}")
        data = json.loads(event["data"])
        self.check({"$ref": f"#/components/schemas/{event['event']}"}, data, f"the event {data}")


def values_of(parameter, path, target, headers):
    parts = urllib.parse.urlsplit(target)
    name = parameter["name"]
    if parameter["in"] == "path":
        position = path.split("/").index("{" + name + "}")
        return [parts.path.split("/")[position]]
    if parameter["in"] == "query":
        return urllib.parse.parse_qs(parts.query, keep_blank_values=True).get(name, [])
    return [headers[name]] if name in headers else []


def typed(schema, text):
    """Parameters and headers are text: numbers and lists are read where the schema wants them."""
    if schema.get("type") == "array":
        return text.split(",")
    return int(text) if schema.get("type") == "integer" and INTEGER.fullmatch(text) else text
