"""How curators write: each change that the admin makes is a publication."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.widgets import AutocompleteSelectMultiple, RelatedFieldWidgetWrapper
from django.contrib.postgres.fields import ArrayField
from django.db import DatabaseError, DataError, models, transaction
from django.db.models import QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from directory import ids
from directory.conflicts import MergingAdmin
from directory.constraints import refusal
from directory.forms import AddressWidget, CuratedForm, LinesField
from directory.models import Fold, Published, Source, slug_of
from directory.narrowing import LOOKUPS, NamedChangeList, UsedFilter
from directory.previewing import PreviewingAdmin
from directory.publishing import CHUNK, publication
from directory.reverting import history_page
from directory.saved_views import views_for
from directory.walking import WalkingAdmin

log = logging.getLogger(__name__)

MOST_WORDS = 20  # of a search; no name has more
READING = ("GET", "HEAD", "OPTIONS", "TRACE")


def containing(queryset: QuerySet, field: str, text: str) -> QuerySet:
    """The rows whose folded ``field`` contains each word of ``text``, however it is written."""
    for word in list(dict.fromkeys(text.replace("\0", "").split()))[:MOST_WORDS]:
        queryset = queryset.filter(**{f"{field}__contains": Fold(Value(word))})
    return queryset


class GuardedAdmin(admin.ModelAdmin):
    """A model whose pages answer nonsense in their address or form with a message."""

    # Columns that no page shows; documents are long.
    deferred: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer(*self.deferred)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return self.guard(request, view, otherwise=view)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        view = partial(super().delete_view, request, object_id, extra_context)
        return self.guard(request, view, otherwise=partial(self.return_refused, request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        view = partial(super().changelist_view, request, extra_context)
        return self.guard(request, view, otherwise=partial(self.return_refused, request))

    def guard(
        self, request: HttpRequest, view: Callable[[], HttpResponse], otherwise: Callable[[], HttpResponse]
    ) -> HttpResponse:
        try:
            response = self.write(request, view, otherwise)
            if isinstance(response, TemplateResponse):
                response.render()  # which asks for more
            return response
        except (DataError, ValueError):
            log.warning("a page of the admin was asked for nonsense", exc_info=True)
        messages.error(request, "Something in the address or the form does not belong there. Nothing was saved.")
        return HttpResponseRedirect(request.path if request.GET else reverse("admin:index"))

    def write(
        self, request: HttpRequest, view: Callable[[], HttpResponse], otherwise: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """Answer by ``view``; by ``otherwise`` if the database refuses what it writes."""
        return view()

    def return_refused(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, request.refusal, messages.ERROR)  # type: ignore[attr-defined]
        return HttpResponseRedirect(request.get_full_path())


class PlainRelations:
    """An admin whose lookups have no buttons beside them that change, or delete, what is looked up."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        form_field = super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]
        if isinstance(widget := getattr(form_field, "widget", None), RelatedFieldWidgetWrapper):
            widget = form_field.widget = widget.widget
        if isinstance(widget, AutocompleteSelectMultiple):
            # Without the sign that empties the whole list, which is no item of the list that Select2 puts it into.
            widget.is_required = True
        return form_field


class CuratedAdmin(PlainRelations, MergingAdmin, GuardedAdmin):
    """A model of which each change in the admin, by whatever button, is one publication.

    The publication begins before Django's own transaction, so that the writers' lock is taken before any row's.
    """

    form = CuratedForm
    formfield_overrides = {
        ArrayField: {"form_class": LinesField},
        models.URLField: {"widget": AddressWidget},
        models.SlugField: {"error_messages": {"invalid": "Lower-case letters, digits and single hyphens only."}},
    }
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False

    @property
    def media(self) -> forms.Media:
        """With what the lookups of a list need; its forms have it anyway."""
        return super().media + LOOKUPS

    def write(
        self, request: HttpRequest, view: Callable[[], HttpResponse], otherwise: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """Answer by ``view``, in a publication if it may write; by ``otherwise`` if the database refuses."""
        if request.method in READING:
            return view()
        try:
            with publication(source=Source.ADMIN, by=request.user):  # type: ignore[arg-type]
                return view()
        except DatabaseError as error:
            request.refusal = refusal(error)  # type: ignore[attr-defined]
            if not request.refusal:  # type: ignore[attr-defined]
                raise
        return otherwise()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **options)  # a class of this request's own
        form.refusal, form.held = getattr(request, "refusal", ""), getattr(request, "held", False)
        return form

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **options: Any) -> None:
        """Say it once it is true: until the commit, publishing may still fail."""
        transaction.on_commit(partial(super().message_user, request, message, *args, **options))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        self.give_reason(entry.get_change_message())
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        self.give_reason(entry.get_change_message())
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self.give_reason("Deleted.")  # no name: a tombstone keeps none
        return super().log_deletions(request, queryset)

    @staticmethod
    def give_reason(reason: str) -> None:
        """Tell the open publication why, unless somebody told it before."""
        with publication(source=Source.ADMIN) as current:
            current.reason = current.reason or reason

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Refuse to change thousands at once: everybody else would wait for it."""
        if request.POST.get("select_across", "0") != "0" and queryset[: CHUNK + 1].count() > CHUNK:
            self.message_user(request, f"At most {CHUNK} at once: filter the list first.", messages.ERROR)
            return None
        return super().response_action(request, queryset)


class PublishedAdmin(CuratedAdmin, WalkingAdmin, PreviewingAdmin):
    """A kind of published object."""

    # What an object is searched by where its name does not contain the words.
    also_known_by: ClassVar[tuple[str, ...]] = ("slug",)
    # Whether there are so few of them that a search reads all their names.
    are_few: ClassVar[bool] = False
    deferred: ClassVar[tuple[str, ...]] = ("document",)
    search_fields = ["name_key"]
    search_help_text = "By name or id; by its other names where no name fits."
    readonly_fields = ["public_id", "public_document", "last_revision", "updated_at"]
    ordering = ["name_key", "pk"]
    change_list_template = "admin/directory/published_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        views = views_for(request, self.opts.model_name or "") if self.has_view_permission(request) else {}
        return super().changelist_view(request, {**views, **(extra_context or {})})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj:
            shown = flatten_fieldsets(fieldsets)
            rest: list[Any] = [name for name in self.get_readonly_fields(request, obj) if name not in shown]
            fieldsets.append(("As published", {"fields": rest}))
        return fieldsets

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Use the index over names; read the whole table only where it is small or that finds nothing."""
        model: type[Published] = self.model
        try:
            kind_number, pk = ids.decode(search_term.strip())
        except ValueError:
            found = containing(queryset, "name_key", search_term)
        else:
            return queryset.filter(pk=pk if kind_number == model.kind_number else None), False
        if search_term and (self.are_few or not found.exists()):
            names = [models.functions.Cast(name, models.TextField()) for name in ("name", *self.also_known_by)]
            known = models.Func(Value(" "), *names, function="concat_ws", output_field=models.TextField())
            found = containing(queryset.alias(known_as=Fold(known)), "known_as", search_term)
        return found, False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name a few of those who use an object instead of loading all of them to say that it cannot go."""
        users = [line for relation in self.model._meta.related_objects for line in in_use(relation, objs)]
        return ([], {}, set(), users) if users else super().get_deleted_objects(objs, request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        is_made_up = not form.cleaned_data.get("slug") and not slug_of(obj.name)
        super().save_model(request, obj, form, change)
        if is_made_up:
            hint = "Its name has no letters that an address may have, so its slug is “%s”: give it a better one."
            self.message_user(request, hint % obj.slug, messages.WARNING)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[NamedChangeList]:
        return NamedChangeList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """With the deletion last, which nobody is to take for what is done with a list."""
        actions: dict[str, Any] = super().get_actions(request)
        deletion = actions.pop("delete_selected", None)
        return {**actions, "delete_selected": deletion} if deletion else actions

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return history_page(request, self, object_id)

    @admin.display(description="document")
    def public_document(self, obj: Published) -> str:
        return format_html('<a href="{0}">{0}</a>', obj.get_absolute_url()) if obj.updated_at else "Not public."

    @admin.display(description="revision")
    def last_revision(self, obj: Published) -> str:
        return change_link("directory_revision", obj.revision) if obj.revision else "Never published."


def in_use(relation: Any, objs: Iterable[Any]) -> list[str]:
    """Who keeps ``objs`` from being deleted: any that are protected, or more than one revision may change."""
    is_protected = relation.on_delete is models.PROTECT
    if not (is_protected or relation.many_to_many):
        return []
    users = relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": list(objs)})
    number = users.distinct().count()
    if number <= (0 if is_protected else CHUNK):
        return []
    few = [str(user) for user in users.order_by("pk").distinct().select_related()[:5]]
    more = f" and {number - len(few):,} more" if number > len(few) else ""
    return [f"{capfirst(relation.related_model._meta.verbose_name_plural)}: {', '.join(few)}{more}"]


def change_link(view: str, pk: int) -> str:
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{view}_change", args=[pk]), pk)


class LookedAtAdmin(GuardedAdmin):
    """What the machinery writes and nobody edits."""

    class Media:
        css: ClassVar = {"all": ["directory/curators.css"]}

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CuratorFilter(UsedFilter):
    order = ("username",)
