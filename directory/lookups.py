"""What the admin's lookups offer to somebody who is typing a name."""

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, F, Func, QuerySet, TextField, Value, When

from directory.models import Fold, Published

# Stands between two names, in which it never is.
BREAK = "\n"


class NamesLookup(AutocompleteJsonView):
    """First what is called just what was typed, by name or alias, then what begins so, then the rest."""

    def get_queryset(self) -> QuerySet:
        found: QuerySet = super().get_queryset()
        term = self.term.replace("\0", "").strip()
        if not term or not issubclass(found.model, Published):
            return found
        ordering = self.model_admin.get_ordering(self.request)
        return found.alias(called=Fold(names_of(found.model))).order_by(fit(term), *ordering)


def names_of(model: type[Published]) -> Func:
    """All names of an object in one text, each between two breaks."""
    fields = [model._meta.get_field(name) for name in model.named_by]
    names = [
        Func(F(field.name), Value(BREAK), function="array_to_string", output_field=TextField())
        if isinstance(field, ArrayField)
        else F(field.name)
        for field in fields
    ]
    return Func(Value(BREAK), Value(""), *names, Value(""), function="concat_ws", output_field=TextField())


def fit(term: str) -> Case:
    """How well ``term`` fits what an object is ``called``: 0 best."""
    return Case(
        When(called__contains=Fold(Value(f"{BREAK}{term}{BREAK}")), then=0),
        When(called__contains=Fold(Value(f"{BREAK}{term}")), then=1),
        When(name_key__contains=Fold(Value(f" {term}")), then=2),
        When(name_key__contains=Fold(Value(term)), then=3),
        default=4,
    )
