"""The pages of partners' own people, below /partner/."""

from django.urls import path

from partners import portal

urlpatterns = [
    path("", portal.home, name="partner"),
    path("<int:partner_id>/", portal.overview, name="partner_overview"),
    path("<int:partner_id>/keys/", portal.make_key, name="partner_make_key"),
    path("<int:partner_id>/keys/<slug:name>/revoke/", portal.revoke_key, name="partner_revoke_key"),
]
