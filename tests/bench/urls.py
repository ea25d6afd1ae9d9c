"""The project's URL map and, under /bench/, what the lists are compared with."""

from django.urls import include, path

from directory.urls import handler400, handler403, handler404, handler500
from tests.bench import views
from tests.bench.plain import PlainCompanies

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [
    path("bench/empty/", views.empty),
    path("bench/query/", views.one_query),
    path("bench/sql/", views.bare_sql),
    path("bench/drf/", PlainCompanies.as_view()),
    path("bench/forget/", views.forget),
    path("bench/bitmaps/", views.bitmaps),
    path("bench/facets/", views.facets),
    path("", include("directory.urls")),
]
