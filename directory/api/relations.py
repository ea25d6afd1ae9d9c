"""Filters of what objects are related to: by slug, or by what belongs to them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from django.conf import settings
from django.db.models import Exists, Expression, OuterRef, Q, QuerySet

from directory.api.errors import Mistake
from directory.api.filters import PHRASES, Condition, Filter, Objects, State, boolean
from directory.api.parameters import MAX_VALUES
from directory.api.vocabulary import Vocabulary, vocabulary_of
from directory.models import SLUG_PATTERN, Address

# Values that are each looked for by themselves: planning fifty takes PostgreSQL seconds.
MAX_EACH = 10


def slug_schema(model: Any) -> dict[str, Any]:
    """The JSON Schema of the slug of an object of ``model``; the collection lists those that there are."""
    return {"type": "string", "pattern": SLUG_PATTERN, "maxLength": 80, "x-collection": model.collection}


class Related(Filter):
    """Related objects by slug, through a foreign key."""

    def __init__(self, model: Any, column: str = "", **said: Any) -> None:
        super().__init__(column, **{"example": model.example} | said)
        self.model = model
        self.schema = slug_schema(model)

    def parse(self, raw: str, revision: int) -> int:
        vocabulary = vocabulary_of(self.model, revision)
        pk = vocabulary.pks.get(raw)
        if pk is None:
            raise self.unknown(raw, vocabulary)
        return pk

    def follow(self, raw: str, revision: int) -> str:
        vocabulary = vocabulary_of(self.model, revision)
        return raw if raw in vocabulary.pks else next(iter(self.renamed(raw, vocabulary)), raw)

    def renamed(self, raw: str, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Today's slug of what ``raw`` once led to, if that is still there."""
        moved = Address.objects.filter(kind=self.model._meta.model_name, slug=raw).first()
        return tuple(slug for slug, pk in vocabulary.pks.items() if moved and pk == moved.object_id)

    def unknown(self, raw: str, vocabulary: Vocabulary) -> Mistake:
        return Mistake(
            "unknown_value",
            f"There is no {self.model._meta.verbose_name} “{raw}”.",
            did_you_mean=self.renamed(raw, vocabulary) or vocabulary.meant_by(raw),
            allowed=f"{settings.SITE_URL}/api/v1/{self.model.collection}/",
        )


class RelatedMany(Related):
    """Related objects by slug, through ``through``: any is enough, or ``__all`` are needed.

    In a ``tree`` an object includes all below it, but for ``__exact``. EXISTS neither repeats a row nor needs
    DISTINCT.
    """

    lookups = {"": True, "all": True, "not": True, "isnull": False}

    def __init__(
        self, model: Any, through: Any, column: str, *, owner: str = "company", tree: bool = False, **said: Any
    ) -> None:
        super().__init__(model, column, **said)
        self.through, self.owner, self.tree = through, owner, tree
        if tree:
            self.lookups = {**self.lookups, "exact": True}

    def values(self, lookup: str, parsed: list[int], revision: int) -> list[list[int]]:
        if lookup == "all":
            return [self.widened([pk], revision) for pk in parsed]
        return [parsed if lookup == "exact" else self.widened(parsed, revision)]

    def most_values(self, lookup: str) -> int:
        return MAX_EACH if lookup == "all" else MAX_VALUES

    def looked_into(self, lookup: str, form: int) -> int:
        return form if lookup == "all" else 1

    def widened(self, pks: list[int], revision: int) -> list[int]:
        return vocabulary_of(self.model, revision).with_descendants(pks) if self.tree else pks

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Condition:
        condition = Q()
        for slot in slots:
            condition &= Q(Exists(self.rows().filter(**{f"{self.column}__any": slot})))
        return condition

    def rows(self) -> Any:
        return self.through.objects.filter(**{self.owner: OuterRef("pk")})

    def missing(self) -> Condition:
        return ~Exists(self.rows())

    @property
    def source(self) -> str:
        return f"{self.through._meta.db_table}.{self.column}"

    def pairs(self, model: Any, source: str) -> QuerySet[Any, Any]:
        return self.through.objects.order_by().values_list(f"{self.owner}_id", self.column)

    def met(self, state: State, lookup: str, form: int, values: list[Any]) -> Objects:
        if lookup == "all":
            return reduce(operator.and_, [state.having(self.source, pks) for pks in values])
        return super().met(state, lookup, form, values)


class RelatedFlag(RelatedMany):
    """Whether some related object is marked by ``flag``, which the vocabulary knows."""

    lookups = {"": False}
    phrases = PHRASES | {"": "whether it has one"}
    SOME, NONE = 1, 2  # its forms; the second has a slot to spare

    def __init__(self, model: Any, through: Any, column: str, *, flag: str, **said: Any) -> None:
        super().__init__(model, through, column, example=True, **said)
        self.flag = flag
        self.schema = {"type": "boolean"}

    def follow(self, raw: str, revision: int) -> str:
        return raw

    def read(self, lookup: str, raw: list[str], revision: int) -> tuple[int, list[Any]]:
        marked = vocabulary_of(self.model, revision).marked[self.flag]
        return self.SOME if boolean(raw[0]) else self.NONE, [sorted(marked)]

    def condition(self, lookup: str, form: int, slots: Sequence[Expression]) -> Condition:
        some = Exists(self.rows().filter(**{f"{self.column}__any": slots[0]}))
        return some if form == self.SOME else ~some

    def met(self, state: State, lookup: str, form: int, values: list[Any]) -> Objects:
        some = state.having(self.source, values[0])
        return some if form == self.SOME else state.everything - some


class Child(Filter):
    """A filter on rows that belong to the object, such as its credentials: any row is enough."""

    def __init__(self, model: Any, inner: Filter, *, owner: str = "company") -> None:
        super().__init__(about=inner.about, example=inner.example)
        self.model, self.inner, self.owner = model, inner, owner
        self.lookups, self.phrases, self.schema = inner.lookups, inner.phrases, inner.schema

    def bind(self, name: str) -> None:
        super().bind(name)
        self.inner.bind(name)

    def parse(self, raw: str, revision: int) -> Any:
        return self.inner.parse(raw, revision)

    def values(self, lookup: str, parsed: list[Any], revision: int) -> list[Any]:
        return self.inner.values(lookup, parsed, revision)

    def looked_into(self, lookup: str, form: int) -> int:
        return 1

    def matches(self, lookup: str, slots: Sequence[Expression]) -> Condition:
        return Exists(self.rows().filter(self.inner.matches(lookup, slots)))

    def missing(self) -> Condition:
        return ~Exists(self.rows())

    def rows(self) -> Any:
        return self.model.objects.filter(**{self.owner: OuterRef("pk")})

    @property
    def source(self) -> str:
        return f"{self.model._meta.db_table}.{self.inner.column}"

    def pairs(self, model: Any, source: str) -> QuerySet[Any, Any]:
        return self.model.objects.order_by().values_list(f"{self.owner}_id", self.inner.column)
