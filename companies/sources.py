"""Where each fact comes from: said beside the field of the form that has it, and kept with an edit."""

from collections.abc import Iterable

from django import forms
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from companies.models import Company, Source
from companies.vouching import FACTS, key_of


def show_sources(form: forms.BaseForm, sources: list[Source]) -> None:
    """Say beside each field which sources vouch for it."""
    by_field: dict[str, list[Source]] = {}
    for source in sources:
        for fact in source.facts:
            name = fact if fact in form.fields else f"{fact}_min"  # employees and hourly_rate have two ends
            by_field.setdefault(name, []).append(source)
    for name, found in by_field.items():
        if name in form.fields:
            bound = form[name]
            lines = format_html_join("", "<li>{}{}</li>", [(reference(s), seen_on(s)) for s in found])
            bound.help_text = format_html('{}<ul class="sources">{}</ul>', bound.help_text, lines)


def reference(source: Source) -> str:
    if not source.reference.startswith(("https://", "http://")):
        return source.reference
    return format_html('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>', source.reference)


def seen_on(source: Source) -> str:
    return f", seen on {source.seen_on}" if source.seen_on else ""


def vouch(company: Company, reference: str, fields: Iterable[str]) -> None:
    """Keep that the source ``reference``, seen today, vouches for what was changed in ``fields`` of the form."""
    facts = [fact for fact in map(key_of, fields) if fact in FACTS and fact != "slug"]
    source = company.sources.filter(reference=reference).first() or Source(company=company, reference=reference)
    source.facts = list(dict.fromkeys([*source.facts, *facts]))
    source.seen_on = timezone.localdate()
    source.save()
