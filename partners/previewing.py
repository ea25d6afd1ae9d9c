"""Previewing: what an id of the Reconciliation Service API stands for, in a few words, on a page, at its address."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe
from rest_framework.exceptions import NotAcceptable

from companies.completions import KINDS
from companies.models import Company
from directory import ids
from directory.api.endpoints import Endpoint
from directory.api.errors import Problem
from directory.api.operations import Operation, closed
from directory.api.parameters import Parameter
from directory.api.rendering import Format, Negotiation, accepted, quality_of
from directory.models import Address
from partners.asking import FORMAT, TEXT, kept, needed, read
from partners.embeds import HTML, POLICY
from partners.extending import TYPES, documents, entity, properties, properties_of, values_of

PAGE = Format("html", HTML)
SHOWN = ("legal_name", "aliases", "domain", "hub", "founded_year", "specialties", "province_name", "kind", "parent")


class Flyout(Endpoint):
    """A few words on what is suggested, as HTML in JSON."""

    parameters = {
        "id": Parameter("Of an entity, a property or a type.", TEXT, "company", required=True),
        **FORMAT,
    }

    @classmethod
    def operation(cls, action: str) -> Operation:
        body = closed({"id": {"type": "string"}, "html": {"type": "string"}})
        said = "Reconciliation 0.2: a few words on a suggestion"
        return Operation(said, {"application/json": body}, cls.parameters, cls.__doc__ or "", problems=("not_found",))

    def get(self, request: Any) -> HttpResponse:
        key = needed(read(request.query_params, self.parameters), "id")
        if key in TYPES or key in properties():
            context: dict[str, Any] = {"name": TYPES.get(key) or properties()[key].name}
        else:
            context = summary(key)
        html = render_to_string("reconciliation/summary.html", context)
        return kept(request, lambda revision: {"id": key, "html": html})


class Html(Negotiation):
    """Nothing but HTML, to whoever takes it."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> tuple[Format, str]:
        if quality_of("text/html", dict(accepted(request.META.get("HTTP_ACCEPT", "")))) <= 0:
            raise NotAcceptable("This is a page: text/html.")
        return PAGE, PAGE.media_type


class Preview(Endpoint):
    """A page to frame, about one entity."""

    content_negotiation_class = Html
    parameters = {"id": Parameter("Its id; of a company its slug, too.", TEXT, "devsinc", required=True)}

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:
        return csp_replace(POLICY)(xframe_options_exempt(super().as_view(*args, **kwargs)))

    @classmethod
    def operation(cls, action: str) -> Operation:
        page = {"text/html": {"type": "string"}}
        said = "Reconciliation: a page about an entity"
        return Operation(said, page, cls.parameters, cls.__doc__ or "", problems=("not_found",))

    def get(self, request: Any) -> HttpResponse:
        context = summary(needed(read(request.query_params, self.parameters), "id"))
        response = HttpResponse(render_to_string("reconciliation/preview.html", context), content_type=HTML)
        response.revision = request.revision  # type: ignore[attr-defined]
        return response


def summary(key: str) -> dict[str, Any]:
    """What is shown of an entity; raises Problem where there is none."""
    kind, pk = entity(key) or ("company", owner(key))
    document = documents([(kind, pk)]).get((kind, pk))
    if document is None:
        raise Problem("not_found", f"There is nothing public with the id “{key[:80]}”.")
    facts = [
        (one.name, ", ".join(str(value["name"] if isinstance(value, dict) else value) for value in values))
        for one in properties_of(kind).values()
        if one.id in SHOWN and (values := values_of(document, one.id))
    ]
    link = f"{settings.SITE_URL}/id/{ids.encode(KINDS[kind].kind_number, pk)}/"
    return {"name": document["name"], "type": TYPES[kind], "text": document.get("summary"), "facts": facts} | {
        "link": link,
        "license": settings.LICENSE,
    }


def owner(slug: str) -> int:
    """The primary key of the company that a slug leads to, 0 where it leads nowhere."""
    address = Address.objects.filter(kind="company", slug=slug).first()
    return address.object_id if address else 0


@require_safe
def view(request: HttpRequest, key: str) -> HttpResponse:
    """Where an id leads: to the page of a company, to the document of anything else."""
    found = entity(key)
    if found is None:
        raise Http404
    model = KINDS[found[0]]
    place = "/companies" if model is Company else f"/api/v1/{model.collection}"
    response = HttpResponseRedirect(f"{place}/{key.lower()}/")
    response["Cache-Control"] = "public, max-age=60"
    return response
