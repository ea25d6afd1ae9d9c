"""What every form of curators does."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminURLFieldWidget
from django.contrib.postgres.forms import SimpleArrayField


class LinesField(SimpleArrayField):
    """A list of texts, one a line: a name may well have a comma in it."""

    default_error_messages = {"item_invalid": "Line %(nth)s:"}

    def __init__(self, base_field: forms.Field, **options: Any) -> None:
        options.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
        super().__init__(base_field, delimiter="\n", **options)
        self.help_text = f"{self.help_text} One a line."

    def to_python(self, value: Any) -> Sequence[Any]:
        if isinstance(value, str):
            value = list(dict.fromkeys(line.strip() for line in value.splitlines() if line.strip()))
        return super().to_python(value)


class AddressWidget(AdminURLFieldWidget):
    """Links to an address once it is ``saved``, and to none that somebody only typed."""

    saved: str | None = None

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["url_valid"] = context["url_valid"] and value == self.saved
        return context


class CuratedForm(forms.ModelForm):
    """A form that also says why the database refused what the form itself had found valid.

    One that is ``held`` is shown once more instead of being saved.
    """

    refusal = ""
    held = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, form_field in self.fields.items():
            # A browser would cut what is pasted without a word; the form says what is too long.
            form_field.widget.attrs.pop("maxlength", None)
            if isinstance(form_field.widget, AddressWidget):
                form_field.widget.saved = self.initial.get(name)

    def is_valid(self) -> bool:
        return super().is_valid() and not self.held

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        return cleaned
