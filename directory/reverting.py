"""The admin's pages on which curators see what was done, by whom and why, and take it back."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DatabaseError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from rest_framework.serializers import ValidationError

from directory.api.history import differences, is_unknown
from directory.constraints import refusal
from directory.models import Published, Revision, Version, kinds
from directory.undoing import CannotUndo, Step, steps_to_undo, undo
from directory.wording import Difference, Wording

PAGE_SIZE = 20
# Objects that the page of an undo shows one by one.
SHOWN = 50


def shown(model: type[Published], before: str | None, after: str | None) -> list[Difference]:
    wording = Wording(model)
    return [wording.difference(one["field"], one["old"], one["new"]) for one in differences(model, before, after)]


def history_page(request: HttpRequest, model_admin: admin.ModelAdmin, object_id: str) -> HttpResponse:
    """All that the world saw of an object, the newest first, each change with what differs."""
    model: Any = model_admin.model
    obj = model_admin.get_object(request, object_id)
    if obj is None:
        raise Http404
    if not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    versions = Version.objects.filter(kind=model._meta.model_name, object_id=obj.pk)
    page = Paginator(versions.select_related("revision__by").order_by("-pk"), PAGE_SIZE).get_page(
        request.GET.get("p")
    )
    context = {
        **admin.site.each_context(request),
        "title": f"History of {obj}",
        "opts": model_admin.opts,
        "object": obj,
        "page": page,
        "entries": list(entries(model, versions, list(page.object_list))),
        "may_undo": request.user.has_perm("directory.undo_revision"),
    }
    return TemplateResponse(request, "admin/directory/history.html", context)


def entries(model: type[Published], versions: Any, page: list[Version]) -> Iterator[dict[str, Any]]:
    """Each version of a page, the newest first, with what it changed."""
    if not page:  # as of what was never published
        return
    older = versions.filter(pk__lt=page[-1].pk).order_by("-pk")[:1]
    of_page = Version.objects.filter(revision__in=[version.revision_id for version in page]).order_by()
    sizes = dict(of_page.values_list("revision").annotate(models.Count("pk")))
    for version, before in zip(page, [*page[1:], *(older or [None])], strict=True):
        yield {
            "version": version,
            "differences": shown(model, before and before.document, version.document),
            "is_unknown": is_unknown(version.action, before),
            "others": sizes[version.revision_id] - 1,
            "is_large": sizes[version.revision_id] > SHOWN,
        }


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=400, label="Why", help_text="Other curators read it in the history.")


def undo_page(request: HttpRequest, revision_id: int) -> HttpResponse:
    """What undoing a revision would do and, on POST, the undo."""
    user: Any = request.user
    if not user.has_perm("directory.undo_revision"):
        raise PermissionDenied
    revision = get_object_or_404(Revision, pk=revision_id)
    sent = request.POST if request.method == "POST" else None
    form, obstacles, is_done = with_reason(sent, lambda reason: undo(revision, by=user, reason=reason))
    if is_done:
        messages.success(request, f"Revision {revision.pk} was undone.")
        return HttpResponseRedirect(reverse("admin:directory_revision_changelist"))
    steps = steps_to_undo(revision)
    context = {
        **admin.site.each_context(request),
        "title": f"Undo revision {revision.pk}",
        "opts": Revision._meta,
        "revision": revision,
        "form": form,
        "steps": [described(step) for step in steps[:SHOWN]],
        "number": len(steps),
        "more": len(steps) - SHOWN,
        "obstacles": obstacles or [str(step.obstacle) for step in steps if step.why_not],
    }
    return TemplateResponse(request, "admin/directory/revision/undo.html", context)


def described(step: Step) -> dict[str, Any]:
    model = kinds()[step.version.kind]
    wording = Wording(model)
    does = "is withdrawn" if step.hides and hasattr(model, "status") else "is deleted" if step.hides else ""
    return {
        "kind": model._meta.verbose_name,
        "name": step.name,
        "does": does or ("is published again" if step.shows else "goes back"),
        "differences": []
        if step.hides or step.shows
        else [wording.difference(name, step.current[name], value) for name, value in step.patch.items()],
    }


def with_reason(sent: Mapping[str, Any] | None, write: Callable[[str], object]) -> tuple[ReasonForm, list[str], bool]:
    """(the form that asks why, why ``write`` was refused, whether it was done); it is called with the reason.

    ``sent`` is the form as it came, None where it is only shown.
    """
    form = ReasonForm(sent)
    if not form.is_valid():
        return form, [], False
    refused = refusals(lambda: write(form.cleaned_data["reason"]))
    return form, refused, not refused


def refusals(write: Callable[[], object]) -> list[str]:
    """What a curator is told where ``write`` is refused; nothing where it was done."""
    try:
        write()
    except CannotUndo as error:
        return [str(obstacle) for obstacle in error.obstacles]
    except ValidationError as error:
        return sentences(error.detail)
    except DatabaseError as error:
        if not (said := refusal(error)):
            raise
        return [said]
    return []


def sentences(detail: Any, path: str = "") -> list[str]:
    """The messages of a validation error, each behind the field that it is about."""
    if isinstance(detail, dict):
        return [line for name, inner in detail.items() for line in sentences(inner, "" if "__" in name else name)]
    if isinstance(detail, list):
        return [line for inner in detail for line in sentences(inner, path)]
    return [f"{path}: {detail}" if path else str(detail)]
