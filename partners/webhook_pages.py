"""The pages on which webhooks are looked after: partners' own, and the same ones in the admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from directory.models import Version
from partners.couriers import GIVE_UP_AFTER, pause
from partners.models import Partner
from partners.steering import BUTTONS, WebhookForm, add_webhook, change_webhook, press
from partners.webhooks import KEPT, KEPT_FOR, ROTATION, State, Webhook

PAGE_SIZE = 25
PERMISSION = "partners.change_webhook"


@dataclass(frozen=True)
class Desk:
    """Where webhooks are looked after: whose may be seen there, and how its pages look and are called."""

    frame: str
    webhooks: Callable[[HttpRequest], QuerySet[Webhook]]
    partners: Callable[[HttpRequest], QuerySet[Partner]]
    list_page: str
    new_page: str
    page: str

    def shown(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return TemplateResponse(request, template, {"frame": self.frame, "desk": self, **context})

    @never_cache
    def listed(self, request: HttpRequest) -> HttpResponse:
        webhooks = self.webhooks(request).select_related("partner")
        return self.shown(request, "webhooks/list.html", title="Webhooks", webhooks=webhooks)
