"""The project's URL map and, under /bench/, what the lists are compared with."""

from django.urls import include, path

from directory import urls
from directory.urls import handler400, handler403, handler404, handler500
from tests.bench import views
from tests.bench.plain import PlainCompanies

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

# Below an include, as the API's are: a pattern that does not match takes time, and neither side pays for the other's.
compared = [
    path("query/", views.one_query),
    path("empty/", views.empty),
    path("sql/", views.bare_sql),
    path("drf/", PlainCompanies.as_view()),
    path("forget/", views.forget),
    path("bitmaps/", views.bitmaps),
    path("facets/", views.facets),
]

urlpatterns = [path("bench/", include(compared)), *urls.urlpatterns]
