"""Views in the admin."""

from typing import Any

import orjson
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.html import format_html

from companies.views import CompanyViewSet
from directory.api.caching import at_one_revision, current_revision
from directory.api.errors import Problem
from directory.api.listing import Listing
from directory.api.related import Document
from directory.curating import CuratorFilter, PublishedAdmin
from partners.models import PublicView
from partners.public_views import HIDDEN
from partners.queries import canonical, in_words

# A description may be long, and a query is one line of an address.
WIDGETS = {"description": AdminTextareaWidget(attrs={"rows": 3}), "query": AdminTextInputWidget()}
# Companies that a preview names.
NAMED = 10


class Finding:
    """What a query finds now: how many companies, and the first of them."""

    def __init__(self, query: str) -> None:
        self.query = QueryDict(f"{query}&count=exact&page_size={NAMED}")
        self.page = at_one_revision(current_revision(), self.read)

    def read(self, revision: int) -> Any:
        self.listing = Listing(CompanyViewSet(), self.query, revision)
        return self.listing.read()

    @property
    def count(self) -> int:
        return self.page.count

    @property
    def companies(self) -> list[Document]:
        return [orjson.loads(text) for text in self.page.documents]

    @property
    def more(self) -> int:
        return self.count - len(self.page.documents)


class PublicViewAdmin(PublishedAdmin):
    """Views; the preview of one says how many companies it finds."""

    change_form_template = "admin/partners/publicview/change_form.html"
    also_known_by = ("description", "query", "slug")
    fields = ["name", "slug", "description", "query", "is_published"]
    list_display = ["name", "slug", "asks_for", "is_published", "works", "partner", "made_by", "updated_at"]
    list_filter = ["is_published", ("made_by", CuratorFilter)]
    list_select_related = ["made_by", "partner"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if widget := WIDGETS.get(db_field.name):
            options["widget"] = widget
        return super().formfield_for_dbfield(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: PublicView, form: Any, change: bool) -> None:
        if not change:
            obj.made_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: PublicView, post_url_continue: Any = None) -> HttpResponse:
        self.tell_of(obj, request)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: PublicView) -> HttpResponse:
        self.tell_of(obj, request)
        return super().response_change(request, obj)

    def tell_of(self, view: PublicView, request: HttpRequest) -> None:
        if not view.is_published:
            self.message_user(request, f"{HIDDEN} Tick “Is published” for that.", messages.WARNING)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_readonly_fields(request, obj)
        return [*found, "partner", "made_by", "works"] if obj else found

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        if preview := context.get("preview"):
            context["finding"] = Finding(orjson.loads(preview.document)["query"])
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description="query")
    def asks_for(self, obj: PublicView) -> str:
        return format_html('<a href="/api/v1/companies/?{0}">{0}</a>', obj.query)

    @admin.display(description="state")
    def works(self, obj: PublicView) -> str:
        """Whether its query can still be answered: what it names may have been withdrawn."""
        try:
            canonical(obj.query, current_revision())
        except Problem as problem:
            return f"Broken. {' '.join(in_words(problem))}"
        return "Works"
