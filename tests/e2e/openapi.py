"""An API as its OpenAPI document describes it: every answer is held against the document. Its
schemas say what an answer has; what it has besides is an error as well, unless it stands in an
object that only others describe."""
import json
import os
import re
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from harness import check, equal, shorten  # noqa: E402

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
         "null": type(None)}
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "maximum",
         "description", "$ref"}


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.seen = set()  # (method, path, status) that was answered
        equal(self.root["openapi"], "3.1.0")
        equal(sorted(self.root), ["components", "info", "openapi", "paths"])
        names = [operation["operationId"] for _, _, operation in self.operations()]
        equal(len(names), len(set(names)), "operations of one name")
        for method, path, operation in self.operations():
            wanted = set(re.findall(r"{(\w+)}", path))
            told = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            equal(told, wanted, f"parameters of {method} {path}")
            check(all(one["required"] for one in operation["parameters"] if one["in"] == "path"), path)

    def operations(self):
        for path, item in self.root["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def find(self, method, target):
        """The operation that a request is; None: there is none."""
        asked = [urllib.parse.unquote(part) for part in target.split("?")[0].split("/")]
        for its_method, path, operation in self.operations():
            wanted = path.split("/")
            if its_method == method and len(wanted) == len(asked) and all(
                    part.startswith("{") or part == other for part, other in zip(wanted, asked)):
                return path, operation
        return None

    def resolve(self, value):
        while "$ref" in value:
            check(value["$ref"].startswith("#/"), value)
            found = self.root
            for part in value["$ref"][2:].split("/"):
                found = found[part]
            value = found
        return value

    def judge(self, schema, value, where):
        schema = self.resolve(schema)
        check(not set(schema) - KNOWN, "unknown words in a schema:", schema)
        if "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            fits = [kind for kind in kinds
                    if isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))]
            check(fits, where, "is", shorten(repr(value)), "and should be", kinds)
        if "enum" in schema:
            check(value in schema["enum"], where, "is", value)
        if "minimum" in schema:
            check(schema["minimum"] <= value <= schema["maximum"], where, "is", value)
        if isinstance(value, dict) and "properties" in schema:
            for name in schema.get("required", []):
                check(name in value, where, "has no", name, "but", sorted(value))
            for name, member in schema["properties"].items():
                if name in value:
                    self.judge(member, value[name], f"{where}.{name}")
        if isinstance(value, list) and "items" in schema:
            for i, one in enumerate(value):
                self.judge(schema["items"], one, f"{where}[{i}]")

    def check_answer(self, method, target, status, body, fields):
        """What was answered is what the document says."""
        path, operation = self.find(method, target) or (None, None)
        check(operation, "the document has no", method, target)
        response = operation["responses"].get(str(status), operation["responses"]["default"])
        if 200 <= status < 300:
            check(str(status) in operation["responses"], method, target, "is answered with", status)
            self.seen.add((method, path))
        content = self.resolve(response).get("content")
        if not content:
            equal(body, "", "a body that is not described")
            return
        (kind, media), = content.items()
        equal(fields["Content-Type"], kind)
        if kind == "application/json":
            where = f"{method} {path} {status}"
            self.judge(media["schema"], body, where)
            schema = self.resolve(media["schema"])
            if path != "/v1/openapi.json" and status < 300:
                strange = set(body) - set(schema.get("properties", body))
                check(not strange, where, "has", strange, "of which the document knows nothing")
