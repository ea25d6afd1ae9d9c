from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode

from directory import opened
from directory.kept import kept_page
from directory.lookups import NamesLookup
from directory.models import SavedView
from directory.signin import is_postponed, is_verified, missing_step


@dataclass(frozen=True)
class SitePage:
    """A page about no single model, which the index leads to; the view itself asks for the permission too."""

    path: str
    name: str
    title: str
    view: Callable[[HttpRequest], HttpResponse]
    permission: str


@dataclass(frozen=True)
class Work:
    """Rows that wait for a curator: ``waiting`` gives them for whoever asks, ``path`` is the list that shows them."""

    name: str
    title: str
    path: str
    waiting: Callable[[Any], QuerySet]
    permission: str


# What keeps the directory running and says nothing of companies.
MACHINERY = (
    *("axes.accessattempt", "mfa.authenticator", "procrastinate.procrastinatejob"),
    *("directory.mark", "directory.address", "directory.log"),
)
ADMINISTRATORS = "directory.view_log"


class CuratorSite(AdminSite):
    """The admin, of which nobody sees a page who has not shown a second factor."""

    site_header = site_title = "Pakistan technology directory"
    index_title = "Curators"
    login_template = "account/login.html"  # which is never reached

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Which the apps add to.
        self.pages: list[SitePage] = []
        self.work: list[Work] = []
        self.machinery = set(MACHINERY)

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        if not hasattr(request, "may_enter"):
            request.may_enter = is_verified(request) or is_postponed(request)  # type: ignore[attr-defined]
        return bool(request.may_enter)  # type: ignore[attr-defined]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's, which forgets a form that arrives after the session is over."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def inner(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            if request.method == "POST" and opened.read(request.POST) and not self.has_permission(request):
                return kept_page(request, "You are not signed in any more.", sign_in=True)
            return guarded(request, *args, **options)

        return inner

    def get_urls(self) -> list[Any]:
        """Without the redirect from any row to its own page, which asks for no permission on it."""
        pages = [path(page.path, self.admin_view(page.view), name=page.name) for page in self.pages]
        models = [pattern for pattern in super().get_urls() if getattr(pattern, "name", "") != "view_on_site"]
        return [*pages, *models]

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        return NamesLookup.as_view(admin_site=self)(request)

    def index(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        user: Any = request.user
        context = {
            "pages": [page for page in self.pages if user.has_perm(page.permission)],
            "work": self.counted(user),
            "views": SavedView.objects.filter(user=user).order_by("name"),
        }
        return super().index(request, {**(extra_context or {}), **context})

    def counted(self, user: Any) -> list[tuple[Work, int]]:
        """What waits for ``user`` and how much of it, in one query."""
        offered = [work for work in self.work if user.has_perm(work.permission)]
        asked = [
            work.waiting(user).order_by().values(work=Value(work.name)).annotate(number=Count("pk"))
            for work in offered
        ]
        if not asked:
            return []
        found = asked[0].union(*asked[1:], all=True)
        numbers = {row["work"]: row["number"] for row in found}
        return [(work, numbers.get(work.name, 0)) for work in offered]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Without the machinery among the rest: it comes last, under a heading of its own, for administrators."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        machinery = []
        for app in apps:
            inner = [model for model in app["models"] if model["model"]._meta.label_lower in self.machinery]
            app["models"] = [model for model in app["models"] if model not in inner]
            machinery += inner
        user: Any = request.user
        shown = [app for app in apps if app["models"]]
        if machinery and user.has_perm(ADMINISTRATORS):
            shown.append(
                {
                    "name": "Machinery",
                    "app_label": "machinery",
                    "app_url": f"{reverse('admin:index')}#machinery",
                    "has_module_perms": True,
                    "models": machinery,
                }
            )
        return shown

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to what is missing: the password, the second factor, or a code of it."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if request.user.is_authenticated and not super().has_permission(request):
            raise PermissionDenied("These pages are for curators, which your account is not.")
        name = missing_step(request)
        target = request.GET.get(REDIRECT_FIELD_NAME, reverse("admin:index"))
        return HttpResponseRedirect(f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: target})}")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """As Django's, which leaves it to caches."""
        response = super().password_change(request, extra_context)
        add_never_cache_headers(response)
        return response
