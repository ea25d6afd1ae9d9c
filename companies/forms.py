"""What curators fill in about a company."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from companies.countries import COUNTRIES
from companies.models import Company
from companies.reasons import ReasonField
from companies.vouching import read_facts
from companies.workflow import EXPLAINED, NEW, Status, reachable
from directory.forms import CuratedForm
from directory.previewing import PREVIEW
from directory.websites import bare_domain

# The tick that a company may be public without a source.
UNSOURCED = "unsourced"


class CodesField(SimpleArrayField):
    """A list of codes, apart by commas or spaces."""

    default_error_messages = {"item_invalid": "Code %(nth)s:"}

    def to_python(self, value: Any) -> Sequence[Any]:
        if isinstance(value, str):
            value = list(dict.fromkeys(re.findall(r"[^\s,;]+", value)))
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class CountriesField(CodesField):
    """ISO 3166 codes in either case."""

    def __init__(self, base_field: forms.Field, **options: Any) -> None:
        message = "“%(value)s” is not a country’s ISO 3166 code, such as US, GB or AE."
        country = forms.ChoiceField(choices=list(COUNTRIES.items()), error_messages={"invalid_choice": message})
        super().__init__(country, **options)

    def to_python(self, value: Any) -> Sequence[Any]:
        return super().to_python(value.upper() if isinstance(value, str) else value)


class FactsField(CodesField):
    """The fields that a source vouches for, by their names or labels."""

    def to_python(self, value: Any) -> Sequence[Any]:
        return super().to_python(read_facts(value) if isinstance(value, str) else value)


class CompanyForm(CuratedForm):
    """Offers the steps of the workflow that are open to ``user``."""

    user: Any = None
    is_unsourced = False
    source = forms.CharField(
        max_length=500,
        required=False,
        help_text="Where you know it from, an address or a citation: it vouches for what this save changes.",
    )
    reason = ReasonField(help_text="Why it changes. Needed when it is withdrawn, or sent back from review.")

    class Meta:
        field_classes = {"export_markets": CountriesField}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = NEW if self.instance._state.adding else self.instance.status
        if status := self.fields.get("status"):
            offered = [self.before, *reachable(self.user, self.before)]
            status.choices = [choice for choice in Status.choices if choice[0] in offered]  # type: ignore[attr-defined]
            status.error_messages["invalid_choice"] = "From where it is, you cannot take it there."

    def _get_validation_exclusions(self) -> set[str]:
        """Check the domain too: it is in no form, but the website, which is, decides it."""
        return super()._get_validation_exclusions() - {"domain"}  # type: ignore[misc]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        today = timezone.localdate()
        if (cleaned.get("founded_year") or 0) > today.year:
            self.add_error("founded_year", "A company is founded before it is listed: this year lies in the future.")
        if cleaned.get("verified_on") and cleaned["verified_on"] > today:
            self.add_error("verified_on", "This day lies in the future.")
        if self.publishes_unsourced(cleaned):
            self.is_unsourced = self.held = True
        if (self.before, cleaned.get("status")) in EXPLAINED and not cleaned.get("reason"):
            self.add_error("reason", "Say why: others have to know.")
        domain = bare_domain(cleaned.get("website") or "")
        if domain and not cleaned.get("shares_domain"):
            self.name_owner_of(domain)
        return cleaned

    def publishes_unsourced(self, cleaned: dict[str, Any]) -> bool:
        """Whether it becomes public without a source, and nobody has said yet that it shall."""
        becomes_public = self.before != Status.PUBLISHED == cleaned.get("status")
        if not becomes_public or cleaned.get("source") or {UNSOURCED, PREVIEW} & self.data.keys():
            return False
        rows = [name.removesuffix("reference") for name in self.data if re.fullmatch(r"sources-\d+-reference", name)]
        return not any(self.data[f"{row}reference"].strip() and not self.data.get(f"{row}DELETE") for row in rows)

    def name_owner_of(self, domain: str) -> None:
        """Say which company the domain belongs to; the database would only say that there is one."""
        owner = Company.objects.filter(domain=domain, shares_domain=False).exclude(pk=self.instance.pk).first()
        if owner:
            url = reverse("admin:companies_company_change", args=[owner.pk])
            message = format_html(
                'Another company has this website’s domain: <a href="{}" target="_blank" rel="noopener">{}</a>.'
                " If both are right, tick “shares domain”.",
                url,
                owner,
            )
            self.add_error("website", message)


class SourceForm(CuratedForm):
    class Meta:
        field_classes = {"facts": FactsField}
