"""The whole URL map."""

from allauth.account.views import LoginView, ReauthenticateView
from allauth.mfa.base import views as codes
from allauth.mfa.recovery_codes import views as recovery
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from companies import inbox, resolver, suggest
from companies.views import CompanyStatistics, CompanyViewSet, IndustryViewSet, SpecialtyViewSet
from directory import changes, digest, files, signin, snapshot, views
from directory.api import errors
from hubs.views import HubViewSet, IndicatorViewSet, ProgramViewSet
from partners import crawlers, elements, embeds, feeds, pages, previewing, reconciliation
from partners.views import PublicViewViewSet

router = SimpleRouter()
router.register("companies", CompanyViewSet)
router.register("hubs", HubViewSet)
router.register("specialties", SpecialtyViewSet)
router.register("industries", IndustryViewSet)
router.register("programs", ProgramViewSet)
router.register("indicators", IndicatorViewSet)
router.register("views", PublicViewViewSet)

urlpatterns = [
    path("", views.home),
    path("api/v1/", include(router.urls)),  # first, as it is asked most: each pattern that does not match takes time
    path("api/v1/", views.Root.as_view()),
    path("api/v1/openapi.json", views.OpenApi.as_view()),
    path("api/v1/changes/", changes.Changes.as_view()),
    path("api/v1/snapshot/", snapshot.Snapshot.as_view()),
    path("api/v1/digest/", digest.Digest.as_view()),
    path("api/v1/files/", files.Files.as_view()),
    path("api/v1/stats/", CompanyStatistics.as_view()),
    path("api/v1/suggest/", suggest.Suggest.as_view()),
    path("api/v1/suggestions/", inbox.Inbox.as_view()),
    path("api/v1/suggestions/<slug:token>/", inbox.Outcome.as_view()),
    path("api/v1/resolve/", resolver.Resolve.as_view()),
    path("api/v1/reconcile/", include(reconciliation.routes)),
    re_path(r"^api/", views.unrouted),
    path("embed/", embeds.framed),
    path("embed/fragment/", embeds.fragment),
    path("embed/oembed/", embeds.oembed),
    path("embed/badge/<str:key>.svg", embeds.badge),
    path("embed/directory-listings.js", elements.newest),
    path("embed/directory-listings-<int:number>.js", elements.release),
    path("companies/<str:key>/", pages.company),
    path("partner/", include("partners.urls")),
    path("id/<str:key>/", previewing.view),
    path("files/<slug:night>/<str:name>", files.file),
    path("feed.<str:form>", feeds.of_list),
    path("views/<str:key>/feed.<str:form>", feeds.of_view),
    path("sitemap.xml", crawlers.sitemaps),
    path("sitemap-<int:part>.xml", crawlers.sitemap),
    path("robots.txt", crawlers.robots),
    path("llms.txt", crawlers.llms),
    path(".well-known/api-catalog", crawlers.catalog),
    path(".well-known/security.txt", crawlers.security),
    path("docs/", views.docs),
    path("docs/<str:name>", views.guide),
    path("problems/", views.problems),
    path("problems/<slug:code>/", views.problem),
    path("admin/", admin.site.urls),
    path("account/sign-in/", LoginView.as_view(), name="account_login"),
    path("account/sign-out/", LogoutView.as_view(), name="account_logout"),
    path("account/password-again/", ReauthenticateView.as_view(), name="account_reauthenticate"),
    path("account/code/", codes.AuthenticateView.as_view(), name="mfa_authenticate"),
    path("account/code-again/", codes.ReauthenticateView.as_view(), name="mfa_reauthenticate"),
    path("account/second-factor/", codes.IndexView.as_view(), name="mfa_index"),
    path("account/second-factor/set-up/", signin.SetUp.as_view(), name="mfa_activate_totp"),
    path("account/second-factor/later/", signin.postpone, name="mfa_postpone"),
    path("account/second-factor/take-away/", signin.TakeAway.as_view(), name="mfa_deactivate_totp"),
    path("account/recovery-codes/", recovery.ViewRecoveryCodesView.as_view(), name="mfa_view_recovery_codes"),
    path(
        "account/recovery-codes/new/",
        recovery.GenerateRecoveryCodesView.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("livez", views.livez),
    path("readyz", views.readyz),
]

handler400 = errors.handler400
handler403 = errors.handler403
handler404 = errors.handler404
handler500 = errors.handler500
