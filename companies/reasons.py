"""Reasons: why somebody does what they do, asked for beside a field or an action."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm


class ReasonField(forms.CharField):
    """Why somebody does what they do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=300, required=False, label="Reason", **options)


class ReasonActionForm(ActionForm):
    reason = ReasonField()
