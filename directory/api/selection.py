"""Selections: what a query's filters ask for.

A FilterSet lists filters; each filter answers to its name and to its name with ``__`` and a look-up. Whatever is
not declared is refused with a suggestion. Values within a parameter are OR (``hub=lahore,karachi``, or repeated);
parameters are AND.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from directory.api.errors import Mistake, similar
from directory.api.filters import Filter
from directory.api.parameters import MAX_LENGTH, MAX_LOOKED_INTO, MAX_VALUES
from directory.api.statements import Slot, Statement

TOO_MANY_CONDITIONS = (
    f"A query asks at most {MAX_LOOKED_INTO} things about related objects; each value of __all is one."
)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class Selection:
    """What a query's filters ask for."""

    # (parameter, form) of each: what decides the SQL.
    form: tuple[tuple[str, int], ...]
    # Slot → its value.
    values: dict[str, Any]
    # Parameter → its values, sorted by parameter: the canonical form.
    applied: dict[str, list[str]]
    mistakes: list[Mistake]
    # The filter that orders what it finds, if there is one.
    search: Filter | None = None


class FilterSet:
    """The filters of one collection, as class attributes."""

    filters: ClassVar[dict[str, Filter]]
    parameters: ClassVar[dict[str, tuple[Filter, str]]]

    def __init_subclass__(cls) -> None:
        inherited = {
            name: declared
            for base in reversed(cls.__mro__)
            for name, declared in vars(base).items()
            if isinstance(declared, Filter)
        }
        cls.filters, cls.parameters = inherited, {}
        for name, declared in inherited.items():
            declared.bind(name)
            for lookup in declared.lookups:
                cls.parameters[f"{name}__{lookup}" if lookup else name] = (declared, lookup)

    @classmethod
    def select(cls, query: Iterable[tuple[str, list[str]]], others: Iterable[str], revision: int) -> Selection:
        """Read the query's filters; ``others`` are the parameters that somebody else reads."""
        selection = Selection((), {}, {}, [])
        everything = dict(query)
        looked_into = 0
        for parameter, given in sorted(everything.items()):
            if parameter in others:
                continue
            try:
                declared, lookup = cls.declared(parameter, others)
                raw = split(given, several=declared.lookups[lookup], most=declared.most_values(lookup))
                raw = raw if lookup == "isnull" else declared.canonical(raw)
                beside = [everything.get(other, [""])[0] for other in declared.together]
                if "" in beside:
                    needed = " and ".join(declared.together)
                    raise Mistake("missing_parameter", f"“{parameter}” means nothing without “{needed}”.")
                form, values = declared.read(lookup, [*raw, *beside], revision)
                if form is not None:
                    selection.form += ((parameter, form),)
                    cost = declared.looked_into(lookup, form)
                    looked_into += cost
                    if cost and looked_into > MAX_LOOKED_INTO:
                        raise Mistake("too_many_conditions", TOO_MANY_CONDITIONS)
                selection.values |= {f"{parameter}.{n}": value for n, value in enumerate(values)}
                selection.applied[parameter] = raw
                if declared.ordering:
                    selection.search = declared
            except Mistake as mistake:
                mistake.parameter = parameter
                selection.mistakes.append(mistake)
        return selection

    @classmethod
    @cache
    def condition(cls, model: Any, parameter: str, form: int) -> Statement:
        """The condition of a parameter on rows of ``model``, compiled; its slots are ``parameter.0`` and on."""
        declared, lookup = cls.parameters[parameter]
        slots = [Slot(f"{parameter}.{n}") for n in range(form)]
        return Statement.of_condition(model, declared.condition(lookup, form, slots))

    @classmethod
    def declared(cls, parameter: str, others: Iterable[str]) -> tuple[Filter, str]:
        try:
            return cls.parameters[parameter]
        except KeyError:
            raise unknown_parameter(parameter, [*cls.parameters, *others]) from None


def unknown_parameters(query: Iterable[str], known: Iterable[str]) -> list[Mistake]:
    """A mistake for each parameter of ``query`` that is not among those ``known``."""
    known = list(known)
    return [unknown_parameter(name, known).of(name) for name in query if name not in known]


def unknown_parameter(parameter: str, known: list[str]) -> Mistake:
    name, _, lookup = parameter.partition("__")
    allowed = [other for other in known if other.partition("__")[0] == name]
    if allowed:
        detail = f"“{name}” has no look-up “{lookup}”; there are {', '.join(allowed)}."
        return Mistake("unknown_parameter", detail, did_you_mean=similar(parameter, allowed) or tuple(allowed[:3]))
    return Mistake(
        "unknown_parameter",
        f"There is no parameter “{parameter[:60]}”.",
        did_you_mean=similar(parameter, known),
    )


def split(given: list[str], *, several: bool, most: int = MAX_VALUES) -> list[str]:
    """The values of a parameter, comma-separated or repeated; just one where it takes no more."""
    if several:
        values = [value.strip() for text in given for value in text.split(",")]
    elif len(given) > 1:
        raise Mistake("repeated_parameter", "This parameter is given once only.")
    else:
        values = [given[0].strip()]
    if "" in values:
        raise Mistake("empty_value", "A value is empty. Leave the parameter out, or use __isnull.")
    if len(values) > most:
        raise Mistake("too_many_values", f"{len(values)} values are more than the {most} allowed.")
    for value in values:
        if len(value) > MAX_LENGTH:
            raise Mistake("too_long", f"A value is longer than {MAX_LENGTH} characters.")
        if CONTROL.search(value):
            raise Mistake("invalid_value", "A value contains a control character.")
    return list(dict.fromkeys(values))
