"""Preview: a form is saved as it would be, what the public would see of that is kept, and the save is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from directory.models import Published, Source
from directory.publishing import (
    STAMPS,
    Document,
    claim_own_marks,
    differences,
    followers_of,
    publication,
    renderer,
)
from directory.reverting import Difference, shown

# The button.
PREVIEW = "_preview"


@dataclass(frozen=True)
class Preview:
    """What a save would do: the object's document, what differs in it, and whose documents would follow."""

    document: str
    is_public: bool
    was_public: bool
    differences: list[Difference]
    followers: int


class Tried(Exception):
    """Takes the save back."""

    def __init__(self, preview: Preview) -> None:
        self.preview = preview


class PreviewingAdmin(admin.ModelAdmin):
    def _changeform_view(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: Any
    ) -> HttpResponse:
        extra = (extra_context or {}) | {"may_preview": True}
        view = partial(super()._changeform_view, request, object_id, form_url)  # type: ignore[misc]
        if request.method != "POST" or PREVIEW not in request.POST or getattr(request, "refusal", None):
            return view(extra)
        try:
            with publication(source=Source.ADMIN) as current, transaction.atomic():
                reason = current.reason
                answer: HttpResponse = view(extra)
                if not hasattr(request, "saved"):
                    return answer  # it is refused, and the form says why
                raise Tried(preview(self.model, request.saved))
        except Tried as tried:
            current.reason = reason
            request.held = True  # type: ignore[attr-defined]
            return view(extra | {"preview": tried.preview})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        request.saved = form.instance.pk  # type: ignore[attr-defined]


def preview(model: type[Published], pk: int) -> Preview:
    """What this transaction would publish of the object ``pk`` and of what follows it."""
    kind = model._meta.model_name or ""
    objects = claim_own_marks() | {(kind, pk)}
    changes = differences(objects)
    obj = model._default_manager.for_document().get(pk=pk)
    change = next((change for change in changes if (change.kind, change.pk) == (kind, pk)), None)
    found = orjson.loads(orjson.dumps(renderer(model).to_representation(obj)))
    return Preview(
        orjson.dumps(without_stamps(found), option=orjson.OPT_INDENT_2).decode(),
        obj.is_public,
        bool(obj.document),
        shown(model, text(change.before), text(change.after)) if change else [],
        len(followers_of(changes) - objects),
    )


def without_stamps(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in STAMPS}


def text(document: Document | None) -> str | None:
    return None if document is None else orjson.dumps(document).decode()
