"""The pages of partners' own people, below /partner/."""

from django.urls import path

from partners import portal, view_pages, webhook_pages

urlpatterns = [
    path("", portal.home, name="partner"),
    path("<int:partner_id>/", portal.overview, name="partner_overview"),
    path("<int:partner_id>/keys/", portal.make_key, name="partner_make_key"),
    path("<int:partner_id>/keys/<slug:name>/revoke/", portal.revoke_key, name="partner_revoke_key"),
    path("<int:partner_id>/views/", view_pages.own_list, name="partner_views"),
    path("<int:partner_id>/views/<int:pk>/", view_pages.own_view, name="partner_view"),
    path("<int:partner_id>/webhooks/", webhook_pages.own_list, name="partner_webhooks"),
    path("<int:partner_id>/webhooks/<int:pk>/", webhook_pages.own_webhook, name="partner_webhook"),
]
