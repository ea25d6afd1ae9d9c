"""What the list of companies is narrowed by."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from companies.models import Company, ImportRow
from companies.questions import QUESTIONS, Asker
from directory.curating import UsedFilter
from directory.narrowing import Counted
from hubs.admin import HubFilter


class HomeFilter(HubFilter):
    most = 12


class SpecialtyFilter(UsedFilter):
    """By specialty itself, without those below it. No join: a company with two of them stays one row."""

    order = ("-emerging", "name_key")
    most = 12

    def condition(self) -> Q:
        found = self.holds(self.lookup_val) if self.lookup_val else Q()
        for is_missing in self.used_parameters.get(self.lookup_kwarg_isnull, ()):
            found &= self.missing() if is_missing else ~self.missing()
        return found

    def missing(self) -> Q:
        return QUESTIONS["without_specialty"].holds(Company.objects.none())

    def holds(self, pks: Sequence[Any]) -> Q:
        chosen = [int(pk) for pk in pks]
        return Q(pk__in=Company.specialties.through.objects.filter(specialty__in=chosen).values("company"))

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        counts = {f"{pk}__c": Count(pk_attname, filter=self.holds([pk])) for pk, _ in self.lookup_choices}
        return counts | {"__c": Count(pk_attname, filter=self.missing())}


class ImportFilter(Counted, admin.SimpleListFilter):
    """Those that an import made or changed; its page leads here, nothing else offers it."""

    title = parameter_name = "import"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        value = str(self.used_parameters.get(self.parameter_name, ""))
        return [(value, f"Import {value}")] if value else []

    def has_output(self) -> bool:
        return bool(self.value())

    def condition(self) -> Q:
        value = self.value()
        if not value:
            return Q()
        return Q(pk__in=ImportRow.objects.filter(batch=int(value)).writing().values("company"))

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        return {"0__c": Count(pk_attname, filter=self.condition())}


class QuestionFilter(Counted, admin.SimpleListFilter):
    """What curators ask, several at once: the companies for which all of it holds."""

    title = "question"
    parameter_name = "ask"
    takes_several = True

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(question.name, question.label) for question in QUESTIONS.values()]

    def asked(self) -> list[str]:
        return list(dict.fromkeys((self.value() or "").split(","))) if self.value() else []

    def condition(self) -> Q:
        if unknown := set(self.asked()) - set(QUESTIONS):
            raise IncorrectLookupParameters(f"no such question: {unknown}")
        return Q(*(self.holds(name) for name in self.asked()))

    def holds(self, name: str) -> Q:
        asker = Asker(self.request.user, timezone.localdate())
        return QUESTIONS[name].condition(Company.objects.none(), asker)

    def get_facet_counts(self, pk_attname: str, filtered_qs: QuerySet) -> dict[str, Count]:
        return {name: Count(pk_attname, filter=self.holds(name)) for name in QUESTIONS}

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        counts = self.get_facet_queryset(changelist)
        asked = self.asked()
        without = changelist.get_query_string(remove=[self.parameter_name])
        yield {"selected": not asked, "query_string": without, "display": "All"}
        for name, label in self.lookup_choices:
            others = [other for other in asked if other != name]
            then = ",".join(others if name in asked else [*asked, name])
            yield {
                "selected": name in asked,
                "query_string": changelist.get_query_string({self.parameter_name: then or None}),
                "display": f"{label} ({counts[name]})",
            }
