"""The endpoint /resolve/: what is sent, and how it is answered."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.serializers import ValidationError

from companies.envelope import body_of, parsed
from companies.identifiers import Scheme, check_identifier
from companies.inbox import UNSTORED, answered
from companies.recognising import Asked, described, normal_identifier, recognise
from companies.resolving import OUTCOMES, Resolution, resolve
from directory.api.caching import current_revision
from directory.api.described import URI
from directory.api.endpoints import Endpoint
from directory.api.operations import Operation, Schema, closed, nullable
from directory.api.viewsets import refuse_parameters

MAX_INPUTS, MAX_TEXT, MAX_BYTES = 200, 500, 256 * 1024
FIELDS = ("name", "hub", "website", "identifiers")
BY = ("id", "slug", "domain", "name", *Scheme.values)
DESCRIPTION = (
    "One result for each input, in their order. An input is a text – an id, a slug, a website, a domain, a number"
    " in a register (`0012345`, `NTN: 1234567-8`, an LEI, `Q42`, the address of a page on LinkedIn), or a name, with"
    " its city behind a comma – or an object with what is known of a company. Nothing is guessed: what is not certain"
    " and unique is `ambiguous`, with candidates and the reasons for each. "
    + " ".join(f"`{outcome}`: {said}" for outcome, said in OUTCOMES.items())
)
EXAMPLES = {
    "Texts": {"inputs": ["10pearls.com", "devsinc", "Q42", "Devsinc, Lahore"]},
    "What is known": {"inputs": [{"name": "Devsinc", "hub": "Lahore", "website": "devsinc.com", "identifiers": []}]},
}


class Resolve(Endpoint):
    """Which companies a list of other people's is of."""

    @classmethod
    def operation(cls, action: str) -> Operation:
        named = {**{name: {"type": "string"} for name in ("id", "slug", "name")}, "url": URI}
        told: Schema = {"score": {"type": "number", "minimum": 0, "maximum": 1}}
        told["reasons"] = {"type": "array", "items": {"type": "string"}}
        result = {
            "input": {"type": ["string", "object"], "description": "As it was sent."},
            "outcome": {"type": "string", "enum": list(OUTCOMES)},
            "company": nullable(closed(named)),
            "successor": {**nullable({"type": "string"}), "description": "The id of what it was merged into."},
            "candidates": {"type": "array", "items": closed({**named, **told})},
            **told,
            "score": nullable(told["score"]),
            "by": {"type": "string", "enum": list(BY), "description": "What it was understood as."},
        }
        return Operation(
            "Which companies these are",
            {"application/json": closed({"results": {"type": "array", "items": closed(result)}})},
            description=DESCRIPTION,
            method="post",
            body=closed({"inputs": inputs_schema()}),
            examples=EXAMPLES,
            headers=UNSTORED,
            problems=("invalid_input", "content_too_large", "unsupported_media_type"),
        )

    def post(self, request: Any) -> HttpResponse:
        refuse_parameters(request.query_params)
        inputs = read(body_of(request, "A request", MAX_BYTES))
        resolutions = resolve(understood(inputs))
        pairs = zip(inputs, resolutions, strict=True)
        return answered({"results": [shown(given, resolution) for given, resolution in pairs]})


def inputs_schema() -> Schema:
    text = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": r"\S"}
    pair = closed({"scheme": {"type": "string", "enum": list(Scheme.values)}, "value": text})
    known = {
        "name": nullable(text),
        "hub": {**nullable(text), "description": "The city, by its slug or any of its names."},
        "website": nullable(text),
        "identifiers": nullable({"type": "array", "items": pair}),
    }
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_INPUTS,
        "items": {"anyOf": [text, closed(known, optional=FIELDS)]},
    }


def understood(inputs: list[Any]) -> list[Asked]:
    revision = current_revision()
    texts = recognise([given for given in inputs if isinstance(given, str)], revision)
    objects = described([facts_of(given) for given in inputs if isinstance(given, dict)], revision)
    text, known = iter(texts), iter(objects)
    return [next(text if isinstance(given, str) else known) for given in inputs]


def facts_of(given: dict[str, Any]) -> dict[str, Any]:
    pairs = frozenset(pair_of(one) for one in given.get("identifiers") or ())
    return {**given, "identifiers": pairs}


def pair_of(given: dict[str, str]) -> tuple[str, str]:
    return given["scheme"], normal_identifier(given["scheme"], given["value"])


def read(body: bytes) -> list[Any]:
    """The inputs of a body; raises Problem where it is no JSON, ValidationError that names all that is wrong."""
    sent = parsed(body)
    if not isinstance(sent, dict):
        raise ValidationError("Send an object with inputs.")
    mistakes: dict[str, Any] = {name: ["This is no field that can be sent."] for name in sent.keys() - {"inputs"}}
    inputs = sent.get("inputs")
    if not (isinstance(inputs, list) and 1 <= len(inputs) <= MAX_INPUTS):
        raise ValidationError(mistakes | {"inputs": [f"Give a list of 1 to {MAX_INPUTS} inputs."]})
    if wrong := {str(n): faults for n, given in enumerate(inputs) if (faults := check(given))}:
        mistakes["inputs"] = wrong
    if mistakes:
        raise ValidationError(mistakes)
    return inputs


def check(given: Any) -> Any:
    """What is wrong with an input, by field; nothing where it can be read."""
    if isinstance(given, str):
        return check_text(given)
    if not isinstance(given, dict):
        return ["Give a text, or an object with what is known of a company."]
    known = {name: value for name, value in given.items() if value is not None}
    faults: dict[str, Any] = {name: ["This is no field that can be sent."] for name in known.keys() - set(FIELDS)}
    faults |= {name: fault for name in FIELDS[:3] if name in known and (fault := check_text(known[name]))}
    if fault := check_identifiers(known.get("identifiers", [])):
        faults["identifiers"] = fault
    if not faults and not (known.keys() & {"name", "website"} or known.get("identifiers")):
        return ["Give a name, a website or an identifier."]
    return faults


def check_text(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip() and len(value) <= MAX_TEXT:
        return []
    return [f"Give a text of 1 to {MAX_TEXT} characters."]


def check_identifiers(value: Any) -> Any:
    if not isinstance(value, list):
        return ["Give a list of objects with a scheme and a value."]
    return {str(n): faults for n, one in enumerate(value) if (faults := check_pair(one))}


def check_pair(given: Any) -> Any:
    if not isinstance(given, dict) or given.keys() != {"scheme", "value"}:
        return ["Give an object with a scheme and a value."]
    if given["scheme"] not in Scheme.values:
        return {"scheme": [f"The scheme is one of {', '.join(Scheme.values)}."]}
    if fault := check_text(given["value"]):
        return {"value": fault}
    wrong = check_identifier(*pair_of(given))
    return {"value": [wrong]} if wrong else {}


def shown(given: Any, resolution: Resolution) -> dict[str, Any]:
    chosen = resolution.chosen
    is_merged = chosen is not None and resolution.outcome == "merged"
    return {
        "input": given,
        "outcome": resolution.outcome,
        "company": chosen.company.as_json() if chosen else None,
        "successor": chosen.company.as_json()["id"] if chosen and is_merged else None,
        "candidates": [] if chosen else [candidate.as_json() for candidate in resolution.candidates],
        "score": chosen.score if chosen else None,
        "reasons": chosen.reasons if chosen else resolution.reasons,
        "by": resolution.by,
    }
