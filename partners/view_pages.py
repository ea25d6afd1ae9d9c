"""The pages on which a partner looks after views of its own; what is published of them is public like any other."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods
from rest_framework.serializers import ValidationError as Refusal

from directory.models import Source
from directory.publishing import edit, publication
from partners.models import Partner, PublicView
from partners.portal import for_partner
from partners.public_views import HIDDEN

METHODS = ["GET", "HEAD", "POST"]
# How many a partner may have: their names are in the public list of views.
MOST_VIEWS = 50


class ViewForm(forms.Form):
    """What a partner decides of a view; whether that can be is up to ``edit()``."""

    name = forms.CharField(max_length=200)
    description = forms.CharField(
        max_length=500, required=False, help_text="What the list is of, for who reads it.", widget=forms.Textarea
    )
    query = forms.CharField(
        max_length=2000,
        help_text="Filters and order of the list of companies, as in its address: hub=lahore&founded_year__gte=2015.",
    )
    is_published = forms.BooleanField(
        label="Public", required=False, help_text="Whether its address answers, for everybody."
    )

    def save(self, view: PublicView, *, partner: Partner, by: Any) -> PublicView | None:
        """Write it; None where it was refused, which the form then says."""
        patch = dict(self.cleaned_data)
        private = {"is_published": patch.pop("is_published")} | ({} if view.pk else {"partner": partner})
        try:
            # The writers' lock: of two at once, the second counts what the first has made.
            with publication(source=Source.ADMIN, by=by, reason=f"The partner {partner}"):
                if view.pk is None and partner.views.count() >= MOST_VIEWS:
                    raise ValidationError(f"A partner has at most {MOST_VIEWS} views.")
                return edit(view, patch, source=Source.ADMIN, by=by, **private)  # type: ignore[return-value]
        except Refusal as refusal:
            for name, errors in dict(refusal.detail).items():  # type: ignore[arg-type]
                for error in errors:
                    self.add_error(name if name in self.fields else None, str(error))
        except ValidationError as refusal:
            self.add_error(None, refusal)
        return None


@require_http_methods(METHODS)
@for_partner
def own_list(request: HttpRequest, partner: Partner) -> HttpResponse:
    """A partner's views, and a form for one more."""
    form = ViewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        by: Any = request.user
        made = form.save(PublicView(made_by=by), partner=partner, by=by)
        if made:
            messages.success(request, said(f"“{made}” was made.", made))
            return redirect("partner_view", partner.pk, made.pk)
    context = {"partner": partner, "views": partner.views.all(), "form": form, "most": MOST_VIEWS}
    return render(request, "partner/views.html", context, status=400 if form.errors else 200)


@require_http_methods(METHODS)
@for_partner
def own_view(request: HttpRequest, partner: Partner, pk: int) -> HttpResponse:
    """One view, where it is shown, and a form to change it."""
    view = get_object_or_404(partner.views, pk=pk)
    form = ViewForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(view, name) for name in ViewForm.base_fields},
    )
    if request.method == "POST" and form.is_valid():
        changed = form.save(view, partner=partner, by=request.user)
        if changed:
            messages.success(request, said("It was changed.", changed))
            return redirect("partner_view", partner.pk, view.pk)
    context = {"partner": partner, "view": view, "form": form}
    return render(request, "partner/view.html", context, status=400 if form.errors else 200)


def said(text: str, view: PublicView) -> str:
    return text if view.is_published else f"{text} {HIDDEN}"
