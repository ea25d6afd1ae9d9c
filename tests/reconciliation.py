"""The forms of the Reconciliation Service API, 0.2 and 1.0-draft, as JSON Schemas.

Written from the text of the W3C Community Group's specification (its own schemas are not copied here), and stricter
where it is silent: an object has no fields but those it names.
"""

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

TEXT = {"type": "string", "minLength": 1}
URI = {"type": "string", "format": "uri", "pattern": "^https?://"}
DATE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"


def fields(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object that has these fields and may have others, but none beside."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def many(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def by_key(values: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


NAMED = fields({"id": TEXT, "name": TEXT})
FEATURE = fields({"id": TEXT, "name": TEXT, "value": {"type": ["boolean", "number"]}})
CANDIDATE = fields(
    {"id": TEXT, "name": TEXT, "score": {"type": "number", "minimum": 0, "maximum": 100},
     "match": {"type": "boolean"}, "type": many(NAMED)},
    description=TEXT,
    features=many(FEATURE),
)  # fmt: skip
CELL = {
    "oneOf": [
        fields({}),
        fields({"id": TEXT, "name": TEXT}, description=TEXT),
        fields({"str": {"type": "string"}}),
        fields({"int": {"type": "integer"}}),
        fields({"float": {"type": "number"}}),
        fields({"date": {"type": "string", "pattern": DATE}}),
    ]
}
META = many(fields({"id": TEXT, "name": TEXT}, type=NAMED, service=URI))
SERVICE = fields(
    {"service_url": URI, "service_path": {"type": "string", "pattern": "^/"}},
    flyout_service_path={"type": "string", "pattern": r"\$\{id\}"},
)
SIZE = {"width": {"type": "integer"}, "height": {"type": "integer"}}
COMMON = {"name": TEXT, "documentation": URI, "defaultTypes": many(NAMED), "batchSize": {"type": "integer"}}
SUGGESTED = ("entity", "property", "type")
FORMS: dict[str, dict[str, Any]] = {
    "0.2 manifest": fields(
        {
            **COMMON,
            "versions": {"type": "array", "contains": {"const": "0.2"}},
            "identifierSpace": URI,
            "schemaSpace": URI,
            "view": fields({"url": {"type": "string", "pattern": r"\{\{id\}\}"}}),
            "preview": fields({"url": {"type": "string", "pattern": r"\{\{id\}\}"}, **SIZE}),
            "suggest": fields(dict.fromkeys(SUGGESTED, SERVICE)),
            "extend": fields({"propose_properties": SERVICE}),
        }
    ),
    "1.0 manifest": fields(
        {
            **COMMON,
            "versions": {"type": "array", "contains": {"const": "1.0-draft"}},
            "view": fields({"url": {"type": "string", "pattern": r"[^{]\{id\}[^}]"}}),
            "preview": fields(SIZE),
            "suggest": fields({name: {"type": "boolean"} for name in SUGGESTED}),
            "extend": fields({"proposeProperties": {"type": "boolean"}, "propertySettings": {"type": "array"}}),
            "lang": TEXT,
            "standardizedScore": {"const": True},
        }
    ),
    "0.2 results": by_key(fields({"result": many(CANDIDATE)})),
    "1.0 results": fields({"results": many(fields({"candidates": many(CANDIDATE)}))}),
    "0.2 extension": fields({"meta": META, "rows": by_key(by_key(many(CELL)))}),
    "1.0 extension": fields(
        {
            "meta": META,
            "rows": many(fields({"id": TEXT, "properties": many(fields({"id": TEXT, "values": many(CELL)}))})),
        }
    ),
    "suggestions": fields(
        {"result": many(fields({"id": TEXT, "name": TEXT}, description=TEXT, notable=many(NAMED)))}
    ),
    "proposals": fields({"properties": many(NAMED), "type": TEXT}, limit={"type": "integer"}),
    "flyout": fields({"id": TEXT, "html": TEXT}),
}


def formed(form: str, response: Any) -> Any:
    """The body of an answer that has this form."""
    assert response.status_code == 200, response.content
    body = response.json()
    Draft202012Validator(FORMS[form], format_checker=FormatChecker()).validate(body)
    return body
