"""How curators narrow a list down: filters that say how many rows each choice would leave.

All counts of a page come from one query, an aggregate with a condition for each choice. A filter's own choices are
counted under what the other filters say, so that one sees what another choice would give.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import build_q_object_from_lookup_parameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldError, ValidationError
from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    TextChoices,
    Value,
    When,
)
from django.http import HttpRequest
from django.utils.safestring import SafeString

# Options of a filter; a list of more is no help in choosing.
MOST_OPTIONS = 100
# More than there are rows: with a limit PostgreSQL finds out once a row what each condition is, not for each count.
EVERY = 2**31
# What a page needs on which something is looked up.
LOOKUPS = AutocompleteSelect(None, admin.site).media + forms.Media(
    js=[forms.widgets.Script("directory/lookups.js", type="module")]  # type: ignore[list-item]
)


class Counted:
    """A filter of a CountedChangeList, which counts for all its filters at once."""

    template = "admin/directory/filter.html"
    used_parameters: dict[str, Any]
    # Whether a further choice narrows down more, and does not take the place of the present one.
    takes_several = False

    def condition(self) -> Q:
        """What the filter asks for; empty where nothing is chosen."""
        return build_q_object_from_lookup_parameters(self.used_parameters)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The rows that the filter leaves; IncorrectLookupParameters where the address asks for nonsense."""
        try:
            return queryset.filter(self.condition())
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def get_facet_queryset(self, changelist: Any) -> dict[str, int]:
        found: dict[str, int] = changelist.counts[id(self)]
        return found


class ChoicesFilter(Counted, admin.ChoicesFieldListFilter):
    pass


class BooleanFilter(Counted, admin.BooleanFieldListFilter):
    pass


class UsedFilter(Counted, admin.RelatedFieldListFilter):
    """Offers the related objects in use, the first in ``order``, and lets one look up any other."""

    template = "admin/directory/used_filter.html"
    order: ClassVar[tuple[str, ...]] = ()
    most: ClassVar[int] = MOST_OPTIONS
    has_more = False

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, **path: Any
    ) -> None:
        self.model_admin = model_admin
        super().__init__(field, request, params, model, model_admin, **path)

    def field_choices(self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        users = field.model._default_manager.filter(**{field.name: OuterRef("pk")})
        chosen = [int(pk) for pk in self.lookup_val or [] if str(pk).isascii() and str(pk).isdigit()]
        first = Case(When(pk__in=chosen, then=Value(0)), default=Value(1), output_field=IntegerField())
        related = field.related_model._default_manager
        used = related.filter(Exists(users) | Q(pk__in=chosen)).order_by(first, *self.order, "pk")
        found = list((used.defer("document") if hasattr(related.model, "document") else used)[: self.most + 1])
        self.has_more = len(found) > self.most
        return [(str(one.pk), str(one)) for one in found[: self.most]]

    def has_output(self) -> bool:
        """Also where there is nothing to choose from: what the address asks for is not to be ignored."""
        return bool(self.used_parameters) or super().has_output()

    def lookup(self) -> SafeString | str:
        """A field that finds any related object, for those who may see them; the choice goes into the address."""
        related: Any = self.field.related_model
        related_admin = self.model_admin.admin_site._registry.get(related)
        if not (self.has_more and related_admin and related_admin.has_view_permission(self.request)):
            return ""
        widget = AutocompleteSelect(self.field, self.model_admin.admin_site)
        widget.choices = forms.ModelChoiceField(related._default_manager.none()).choices
        label = f"Another {related._meta.verbose_name}"
        attributes = {"id": f"lookup-{self.field.name}", "aria-label": label, "data-placeholder": label}
        return widget.render(self.lookup_kwarg, None, attributes)

    def kept(self) -> Iterator[tuple[str, str]]:
        """The rest of the address, which a lookup leaves as it is."""
        for name, value in self.request.GET.items():
            if name not in (*self.expected_parameters(), "p"):
                yield name, str(value)


class NamedChangeList(ChangeList):
    """A list that is sorted by names as people look for them, whatever their capitals and accents."""

    def get_ordering_field(self, field_name: Any) -> Any:
        return "name_key" if field_name == "name" else super().get_ordering_field(field_name)


class OpenFilter(admin.SimpleListFilter):
    """By state; unless one is chosen, what waits for a decision. The first of ``states`` is what is open."""

    title = parameter_name = "state"
    states: type[TextChoices]
    every = "all"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [*self.states.choices[1:], (self.every, "All")]

    def choices(self, changelist: Any) -> Any:
        """The first choice, which is made by choosing none, is what is open."""
        first, *others = super().choices(changelist)
        return [{**first, "display": self.states.labels[0]}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        state = self.value() or self.states.values[0]
        return queryset if state == self.every else queryset.filter(state=state)


class CountedChangeList(NamedChangeList):
    """A list whose filters are all ``Counted``."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        """As Django's, but searched before it is filtered: the counts are of what the search found."""
        self.filter_specs, self.has_filters, rest, duplicates, self.has_active_filters = self.get_filters(request)
        specs: list[Any] = self.filter_specs
        try:
            found = self.root_queryset.filter(build_q_object_from_lookup_parameters(rest))  # type: ignore[arg-type]
        except (FieldError, ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error
        if duplicates:
            found = self.root_queryset.filter(pk__in=found.values("pk"))
        self.searched, _ = self.model_admin.get_search_results(request, found, self.query)
        found = self.searched
        for spec in specs:
            found = spec.queryset(request, found)
        self.clear_all_filters_qs = self.get_query_string(new_params=rest, remove=self.get_filters_params())
        return self.apply_select_related(found).order_by(*self.get_ordering(request, found))

    @cached_property
    def counts(self) -> dict[int, dict[str, int]]:
        """Filter → its counts by the names that it gives them."""
        specs: list[Any] = self.filter_specs
        conditions = {f"is_{n}": condition for n, spec in enumerate(specs) if (condition := spec.condition())}
        chosen, counts = list(conditions), {}
        for n, spec in enumerate(specs):
            others = [name for name in chosen if spec.takes_several or name != f"is_{n}"]
            for name, count in spec.get_facet_counts("pk", self.searched).items():
                conditions[f"of_{n}_{name}"] = count.filter
                holds = dict.fromkeys([*others, f"of_{n}_{name}"], True)
                counts[f"{n}_{name}"] = Count("pk", filter=Q(**holds))
        # By CASE: what can never hold, as a number out of range, is no boolean by itself.
        columns = {name: Case(When(Q(q), then=True), default=False) for name, q in conditions.items()}
        found = self.searched.order_by().annotate(**columns)[:EVERY].aggregate(**counts)
        answer: dict[int, dict[str, int]] = {id(spec): {} for spec in specs}
        for key, number in found.items():
            n, name = key.split("_", 1)
            answer[id(specs[int(n)])][name] = number
        return answer
