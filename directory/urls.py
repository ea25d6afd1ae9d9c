"""The whole URL map."""

from django.contrib import admin
from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from companies.suggest import Suggest
from companies.views import CompanyStatistics, CompanyViewSet, IndustryViewSet, SpecialtyViewSet
from directory import views
from directory.api import errors
from hubs.views import HubViewSet, IndicatorViewSet, ProgramViewSet

router = SimpleRouter()
router.register("companies", CompanyViewSet)
router.register("hubs", HubViewSet)
router.register("specialties", SpecialtyViewSet)
router.register("industries", IndustryViewSet)
router.register("programs", ProgramViewSet)
router.register("indicators", IndicatorViewSet)

urlpatterns = [
    path("", views.home),
    path("api/v1/", views.Root.as_view()),
    path("api/v1/openapi.json", views.OpenApi.as_view()),
    path("api/v1/stats/", CompanyStatistics.as_view()),
    path("api/v1/suggest/", Suggest.as_view()),
    path("api/v1/", include(router.urls)),
    re_path(r"^api/", views.unrouted),
    path("docs/", views.docs),
    path("problems/", views.problems),
    path("problems/<slug:code>/", views.problem),
    path("admin/", admin.site.urls),
    path("livez", views.livez),
    path("readyz", views.readyz),
]

handler400 = errors.handler400
handler403 = errors.handler403
handler404 = errors.handler404
handler500 = errors.handler500
