"""The form that a key is made with, in the admin and on a partner's own page."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from directory.forms import LinesField
from partners.issuing import free_slot
from partners.models import ApiKey, Scope, all_scopes, validate_origin


class KeyForm(forms.ModelForm):
    """Says beforehand that there is no place for another key; nobody takes it until the transaction's end."""

    scopes = forms.MultipleChoiceField(
        label="What it is for", choices=Scope.choices, initial=all_scopes, widget=forms.CheckboxSelectMultiple
    )
    origins = LinesField(
        forms.CharField(max_length=200, validators=[validate_origin]),
        label="Sites whose pages may use it",
        required=False,
        help_text="Such as https://partner.example; empty for programs of your own, which keep it secret.",
    )
    expires_at = forms.DateTimeField(
        label="Expires on",
        required=False,
        help_text="The first day on which it is refused (UTC); empty: never.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    class Meta:
        model = ApiKey
        fields = ("scopes", "origins", "expires_at")

    def clean_expires_at(self) -> datetime.datetime | None:
        expires_at: datetime.datetime | None = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise ValidationError("This day has begun already: choose a later one, or none.")
        return expires_at

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        partner = cleaned.get("partner") or getattr(self.instance, "partner", None)
        if partner is not None and self.instance._state.adding:
            try:
                free_slot(partner)
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned
