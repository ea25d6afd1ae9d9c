"""Forms of the admin that overwrite nobody: a save is merged with what changed since the form was opened."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from directory import opened
from directory.kept import kept_page, sent
from directory.models import Version
from directory.opened import Fields, Opened, Raw
from directory.threeways import ANSWER, THEIRS, YOURS, Conflict, Merging


@dataclass(frozen=True)
class Change:
    """Who changed an object while its form was open, when, and what was said about it."""

    by: str
    at: datetime.datetime
    why: str


@dataclass(frozen=True)
class Question:
    """A conflict as a curator reads it."""

    key: str
    label: str
    was: str
    theirs: str
    yours: str
    # (value, label) of each answer.
    answers: list[tuple[str, str]]


class MergingAdmin(admin.ModelAdmin):
    """A model whose form says what it was opened with, so that saving it merges and never overwrites."""

    change_form_template = "admin/directory/change_form.html"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        obj = context.get("original") or self.model()
        formsets = [inline.formset for inline in context["inline_admin_formsets"]]
        context["opened"] = opened.sign(obj, opened.state_of(context["adminform"].form, formsets))
        context["meanwhile"] = getattr(request, "meanwhile", "")
        return super().render_change_form(request, context, *args, **options)

    def _changeform_view(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: Any
    ) -> HttpResponse:
        answer = None
        if request.method == "POST":
            answer = self.merge_sent(request, unquote(object_id)) if object_id else self.keep_unpermitted(request)
        return answer or super()._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]

    def keep_unpermitted(self, request: HttpRequest) -> HttpResponse | None:
        """Give back what somebody typed who may not add it any more."""
        if self.has_add_permission(request) or not opened.read(request.POST):
            return None
        return kept_page(request, "You may not add this any more.")

    def merge_sent(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        """Merge the form that was sent with what is there now; the answer where it cannot be saved as it is."""
        is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        if is_number and not getattr(request, "refusal", ""):
            # Scripts do not wait for the writers' lock; from here on they wait for this row.
            list(self.model._default_manager.select_for_update(no_key=True).filter(pk=object_id).values_list("pk"))
        obj = self.get_object(request, object_id)
        was = opened.read(request.POST)
        if was and obj is None:
            return kept_page(request, "It was deleted while you were editing it.")
        if was and not self.has_change_permission(request, obj):
            return kept_page(request, "You may not change this any more.")
        if obj is None or not self.has_change_permission(request, obj):
            return None  # which Django answers
        if was and was.of != opened.name_of(obj):
            was = None
        form, formsets = self.as_it_is(request, obj)
        merging = Merging(request.POST, was.state if was else None, opened.state_of(form, formsets))
        merging.merge_fields(form.fields)
        for formset in formsets:
            merging.merge_part(formset)
        changes = changes_since(obj, was) if was and (merging.conflicts or merging.kept) else []
        if merging.conflicts:
            return self.conflict_page(request, obj, merging.conflicts, changes)
        request.POST = merging.data  # type: ignore[assignment]
        if merging.kept:
            request.meanwhile = told(merging, form, formsets, changes)  # type: ignore[attr-defined]
        return None

    def as_it_is(self, request: HttpRequest, obj: Any) -> tuple[forms.ModelForm, list[Any]]:
        """The form of an object and its inlines that may be edited, with what is there and nothing typed."""
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        form = self.get_form(request, obj, change=True, fields=fields)(instance=obj)
        formsets = [
            formset(instance=obj, prefix=formset.get_default_prefix(), queryset=inline.get_queryset(request))
            for formset, inline in self.get_formsets_with_inlines(request, obj)
            if inline.has_change_permission(request, obj)
        ]
        return form, formsets

    def conflict_page(
        self, request: HttpRequest, obj: Any, conflicts: list[Conflict], changes: list[Change]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{capfirst(self.opts.verbose_name)} changed meanwhile",
            "subtitle": str(obj),
            "opts": self.opts,
            "original": obj,
            "changes": changes,
            "questions": [question(conflict) for conflict in conflicts],
            "sent": [(name, value) for name, value in sent(request) if not name.startswith(ANSWER)],
            "answer": ANSWER,
            "refusal": getattr(request, "refusal", ""),
        }
        return TemplateResponse(request, "admin/directory/conflict.html", context)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if meanwhile := getattr(request, "meanwhile", ""):
            self.message_user(request, meanwhile)
        return super().response_change(request, obj)


def changes_since(obj: Any, was: Opened) -> list[Change]:
    """What the log and the admin know of; a script that changed what is not public leaves no trace."""
    versions = Version.objects.filter(kind=obj._meta.model_name, object_id=obj.pk, revision__gt=was.revision)
    revisions = [version.revision for version in versions.select_related("revision__by")]
    found = [Change(str(r.by or r.get_source_display()), r.created_at, r.reason) for r in revisions]
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(obj, for_concrete_model=False),
        object_id=str(obj.pk),
        action_time__gte=was.at,
    )
    published = {revision.by_id for revision in revisions}
    found += [
        Change(str(entry.user), entry.action_time, entry.get_change_message())
        for entry in entries.exclude(user__in=[pk for pk in published if pk]).select_related("user")
    ]
    return sorted(found, key=lambda change: change.at)


def told(merging: Merging, form: forms.BaseForm, formsets: list[Any], changes: list[Change]) -> str:
    """What somebody else changed that stays as they have it."""
    labels = {name: str(form[name].label) for name in form.fields}
    labels |= {formset.prefix: str(formset.model._meta.verbose_name_plural) for formset in formsets}
    what = ", ".join(labels[name] for name in merging.kept)
    who = ", ".join(dict.fromkeys(change.by for change in changes)) or "somebody"
    return f"While you were editing, {who} changed: {what}. Their change and yours are together here."


def question(conflict: Conflict) -> Question:
    place = conflict.place
    label = "" if len(conflict.fields) > 1 else ", ".join(label_of(name, f) for name, f in conflict.fields.items())
    if place.formset is not None:
        columns = opened.columns(place.formset)
        row = ", ".join(words for _, words in in_words(columns, place.row) if words)
        part = f"{capfirst(place.formset.model._meta.verbose_name)} “{row}”"
        label = f"{part}: {label}" if label else part
    answers = [(f"{side}:{conflict.digest}", side) for side in (THEIRS, YOURS)]
    was = "Not known." if conflict.was is None else shown(conflict, conflict.was)
    return Question(
        conflict.key, label, was, shown(conflict, conflict.theirs), shown(conflict, conflict.yours), answers
    )


def shown(conflict: Conflict, side: Fields | None) -> str:
    if side is None:
        return "Deleted."
    found = list(in_words(conflict.fields, side))
    if len(found) == 1:
        return found[0][1] or "—"
    return ", ".join(f"{label}: {words}" for label, words in found if words)


def in_words(fields: Mapping[str, forms.Field], side: Fields) -> Iterator[tuple[str, str]]:
    for name, form_field in fields.items():
        yield label_of(name, form_field), in_word(form_field, side[name])


def label_of(name: str, form_field: forms.Field) -> str:
    return capfirst(str(form_field.label or name.replace("_", " ")))


def in_word(form_field: Any, values: Raw) -> str:
    """What was sent of a field, as its widget shows it."""
    if isinstance(form_field, forms.ModelChoiceField):
        pks = [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19]
        return ", ".join(str(obj) for obj in form_field.queryset.filter(pk__in=pks))  # type: ignore[union-attr]
    if isinstance(form_field.widget, forms.CheckboxInput):
        return "Yes" if values else "No"
    if choices := dict(getattr(form_field.widget, "choices", ())):
        # What nobody may choose from here is none of the choices, such as a step of the workflow.
        return ", ".join(str(choices.get(value, capfirst(value.replace("_", " ")))) for value in values)
    return "\n".join(values)
