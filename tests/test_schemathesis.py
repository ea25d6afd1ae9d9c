"""Fuzzing by the schema: what it allows is answered, what it forbids is refused, and nothing answers otherwise.

Each operation is asked the boundary values of each parameter and values drawn at random with two fixed seeds.
"""

import copy
import csv
from collections import Counter
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from schemathesis import Case, CheckContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.pytest.lazy import get_all_tests

from directory.api.schema import openapi

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter_directory", "one_connection")]

# What no schema of a single parameter can say.
TOGETHER = {"conflicting_parameters", "missing_parameter", "too_many_conditions"}
# Parameters in a language of their own are asked what their example asks: their tests know better.
LANGUAGES = {"fields", "omit", "include", "bbox", "near", "q", "after", "queries", "extend"}


@schemathesis.check
def what_is_allowed_is_answered(context: CheckContext, response: Response, case: Case) -> None:
    """Parameters that exclude or need each other, or are too many, are refused, and only they."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 400:
        assert {error["code"] for error in response.json()["errors"]} <= TOGETHER, response.text


# Of those that share a form as many are asked: one parameter of an operation, and that in two operations.
OPERATIONS_A_FORM = 2


def thinned() -> dict[str, Any]:
    """The schema with few parameters of each form: the same code reads all others, whose examples are tried."""
    document = openapi()
    asked: Counter[str] = Counter()
    for operation in operations(document):
        forms: dict[str, Any] = {}
        for parameter in operation["parameters"]:
            alone = parameter["name"] if parameter["name"] in LANGUAGES else ""
            form = f"{alone} {parameter['in']} {unnamed(parameter['schema'])}"
            # A format is asked of each, so that there is something to get wrong wherever the rest is left out.
            if parameter.get("required") or parameter["name"] == "format" or asked[form] < OPERATIONS_A_FORM:
                forms.setdefault(form, parameter)
        asked.update(forms.keys())
        operation["parameters"] = list(forms.values())
    return document


def unnamed(schema: Any) -> Any:
    """A schema without its examples and whose values it takes: the same for all parameters of its form."""
    if not isinstance(schema, dict):
        return schema
    own = {"example", "examples", "x-collection"}
    return {name: unnamed(part) for name, part in schema.items() if name not in own}


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def narrowed() -> dict[str, Any]:
    """The same with the values that the starter directory has in the place of those that may be."""
    document = thinned()
    for operation in operations(document):
        # What only an earlier answer knows, such as a cursor, has no example.
        known = [p for p in operation["parameters"] if "examples" in p["schema"] or p["in"] == "header"]
        operation["parameters"] = [{**p, "schema": existing(p)} for p in known]
        if body := operation.get("requestBody"):
            for sent in body["content"].values():
                sent["schema"] = {"enum": [example["value"] for example in sent["examples"].values()]}
    return document


def existing(parameter: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, as far as it depends on what there is."""
    schema: dict[str, Any] = copy.deepcopy(parameter["schema"])
    examples = schema.get("examples", [])
    values = schema.get("items", schema)
    if parameter["name"] in ("id", "id__not") and "items" in schema:
        values["enum"] = examples[0]
    elif parameter["name"] == "key" or parameter["name"] == "id":
        values["enum"] = [*examples, "nobody"]
    elif parameter["name"] in LANGUAGES:
        return {"type": "string", "enum": examples}
    elif parameter["name"] == "ordering":
        values["enum"] = [name for name in values["enum"] if name != "relevance"]  # which goes with q only
    elif "x-collection" in values:
        values["enum"] = slugs(values["x-collection"])
    return schema


def slugs(collection: str) -> list[str]:
    with (settings.BASE_DIR / "starter" / f"{collection}.csv").open() as file:
        return [row["slug"] for row in csv.DictReader(file)]


# Each draws other values, the first one besides asking the boundary values, and none of them more than it has to.
SEEDS = {1: 4, 2: 4}


def loaded(document: dict[str, Any], mode: str, seed: int) -> Any:
    is_first = seed == min(SEEDS)
    config = {
        # Given with “deterministic”, it decides what is drawn.
        "seed": seed,
        "generation": {"mode": mode, "max-examples": SEEDS[seed], "deterministic": True, "database": "none"},
        "phases": {"examples": {"enabled": is_first}, "coverage": {"enabled": is_first}},
        "checks": {"positive_data_acceptance": {"enabled": False}},  # ours knows what a 400 is about
    }
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
    schema.app = get_wsgi_application()
    return schema


@pytest.mark.security(19)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_allowed_is_answered(seed: int, subtests: pytest.Subtests) -> None:
    ask(loaded(narrowed(), "positive", seed), subtests)


@pytest.mark.security(19)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_forbidden_is_refused(seed: int, subtests: pytest.Subtests) -> None:
    ask(loaded(thinned(), "negative", seed), subtests)


def ask(schema: Any, subtests: pytest.Subtests) -> None:
    """Drawn here and not when tests are collected, which each process does for itself."""
    for found in get_all_tests(schema=schema, test_func=ask_one, settings=None, given_kwargs=None):
        operation, test = found.ok()  # type: ignore[union-attr]
        with subtests.test(operation.label):
            test()


def ask_one(case: Case) -> None:
    with transaction.atomic():
        case.call_and_validate(headers={"Host": "127.0.0.1", "Accept-Encoding": "identity"})
        transaction.set_rollback(True)  # what one sends, no other meets
