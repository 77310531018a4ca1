"""Makes every request of the API ready to send, from docs/openapi.json: as a Postman collection and as an
`.http` file, for VS Code's REST Client and JetBrains' editors. Writes both into the folder that is named.

The first folder signs in by the test phone of `cargo run`, and keeps the tokens for all other requests.
"""
import json
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

ROOT = Path(__file__).resolve().parent.parent
# The test phone of `cargo run`, and its code.
VARIABLES = {"url": "http://localhost:4400", "phone": "+15005550006", "code": "123456", "challenge_id": "", "access_token": "",
             "refresh_token": "", "mfa_token": ""}
START = [("post", "/v1/otp/send"), ("post", "/v1/otp/verify"), ("get", "/v1/me"), ("post", "/v1/auth/refresh")]
KEEPS = {"/v1/otp/send": ["challenge_id"], "/v1/otp/verify": ["access_token", "refresh_token"],
         "/v1/auth/refresh": ["access_token", "refresh_token"]}
METHODS = ("get", "post", "put", "patch", "delete")


def example(document, schema, name=""):
    """A value that the schema allows: its own example, or one for its type."""
    if name in VARIABLES:
        return f"{{{{{name}}}}}"
    if name == "token":
        return "{{access_token}}"
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
    if "example" in schema:
        return with_variables(schema["example"])
    for form in schema.get("oneOf") or schema.get("anyOf") or []:
        if form.get("type") != "null":
            return example(document, form, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema or "allOf" in schema:
        return body(document, schema)
    if kind == "array":
        return [example(document, schema.get("items", {}))]
    return {"boolean": True, "integer": schema.get("minimum", 1), "number": 1}.get(kind, name)


def body(document, schema):
    """The required fields, and the phone number if nothing else says who is meant."""
    properties, required = dict(schema.get("properties", {})), list(schema.get("required", []))
    for part in schema.get("allOf", []):
        part = document["components"]["schemas"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        properties |= part.get("properties", {})
        required += part.get("required", [])
    # Forms of OAuth 2.0 say so in words only, since a missing parameter has another error there.
    required += [name for name, each in properties.items() if "It is required." in each.get("description", "")]
    if "phone" in properties and "email" in properties:
        required.append("phone")
    return {name: example(document, properties[name], name) for name in properties if name in required}


def with_variables(value):
    """An example of the document, with our variables in the fields of these names."""
    if isinstance(value, dict):
        return {name: f"{{{{{name}}}}}" if name in VARIABLES else with_variables(each) for name, each in value.items()}
    return value


def sent(document, operation):
    """The type and the body of the request, or None."""
    content = operation.get("requestBody", {}).get("content", {})
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        if kind not in content:
            continue
        given = content[kind]
        named = next(iter(given.get("examples", {}).values()), {}).get("value", given.get("example"))
        value = example(document, given["schema"]) if named is None else with_variables(named)
        if kind != "application/json" and not isinstance(value, dict):
            # A form without described fields, or an example that is written as it is sent.
            value = dict(parse_qsl(value))
        return kind, value
    return None


def requests(document):
    """Folder, method, path, operation, and what is sent: the flow first, then all by their tags."""
    operations = [(method, path) for path, item in document["paths"].items() for method in METHODS if method in item]
    yield from (("Start here", *one) for one in START)
    for tag in document["tags"]:
        for method, path in operations:
            if tag["name"] in document["paths"][path][method]["tags"]:
                yield tag["name"], method, path


def title(operation, path):
    return (operation.get("summary") or path).rstrip(".")


def postman(document):
    folders = {}
    for folder, method, path in requests(document):
        operation = document["paths"][path][method]
        names = [part for part in path.strip("/").split("/") if part]
        address = {"raw": "{{url}}" + path.replace("{", ":").replace("}", ""), "host": ["{{url}}"],
                   "path": [part.replace("{", ":").replace("}", "") for part in names],
                   "variable": [{"key": part[1:-1], "value": "{{challenge_id}}" if part == "{challenge_id}" else ""}
                                for part in names if part.startswith("{")]}
        request = {"method": method.upper(), "url": address, "description": operation.get("description", ""), "header": []}
        if not operation.get("security"):
            request["auth"] = {"type": "noauth"}
        if (what := sent(document, operation)) is not None:
            kind, value = what
            request["header"].append({"key": "content-type", "value": kind})
            request["body"] = {"mode": "raw", "raw": json.dumps(value, indent=2, ensure_ascii=False)}
            if kind != "application/json":
                request["body"] = {"mode": "urlencoded", "urlencoded": [{"key": name, "value": each} for name, each in value.items()]}
        item = {"name": title(operation, path), "request": request}
        if folder == "Start here":
            lines = ["pm.test(`${pm.response.code}`, () => pm.expect(pm.response.code).to.be.below(300));"]
            lines += [f'pm.collectionVariables.set("{name}", pm.response.json().{name});' for name in KEEPS.get(path, [])]
            item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}]
        folders.setdefault(folder, []).append(item)
    return {
        "info": {"name": document["info"]["title"], "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{access_token}}"}]},
        "variable": [{"key": name, "value": value} for name, value in VARIABLES.items()],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def http_file(document):
    # A response names its fields in the two editors differently. REST Client reads it by the name of the request.
    known = {"challenge_id": "send.response.body.challenge_id", "access_token": "verify.response.body.access_token",
             "refresh_token": "verify.response.body.refresh_token"}
    lines = ["# Send the first two requests; the others use their responses. Made by .ci/api_requests.py.", ""]
    lines += [f"@{name} = {value or '{{' + known.get(name, name) + '}}'}" for name, value in VARIABLES.items() if value or name in known]
    for folder, method, path in requests(document):
        operation = document["paths"][path][method]
        lines += ["", f"### {folder}: {title(operation, path)}"]
        if folder == "Start here":
            lines.append(f"# @name {path.rpartition('/')[2]}")
        place = path if "{challenge_id}" not in path else path.replace("{challenge_id}", "{{challenge_id}}")
        lines.append(f"{method.upper()} {{{{url}}}}{place}")
        if operation.get("security"):
            lines.append("authorization: Bearer {{access_token}}")
        if (what := sent(document, operation)) is not None:
            kind, value = what
            text = json.dumps(value, indent=2, ensure_ascii=False) if kind == "application/json" else urlencode(value, safe="{}")
            lines += [f"content-type: {kind}", "", text]
    return "\n".join(lines) + "\n"


def main():
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latchkey.postman_collection.json").write_text(json.dumps(postman(document), indent=1, ensure_ascii=False))
    (folder / "latchkey.http").write_text(http_file(document))


main()
