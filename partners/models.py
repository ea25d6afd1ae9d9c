"""Who asks: partner sites, and the keys by which they are known. Nothing of it is public."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone

from directory.environment import is_origin
from partners.public_views import PublicView as PublicView  # Django looks for models here
from partners.webhooks import Delivery as Delivery
from partners.webhooks import Member as Member
from partners.webhooks import Webhook as Webhook

# The keys that a partner has at once: one, and the one that takes its place.
SLOTS = (1, 2)
MOST_REQUESTS = 1_000_000  # a minute


class Scope(models.TextChoices):
    """What a key may be used for."""

    READ = "read", "Lists, objects and statistics"
    MIRROR = "mirror", "Changes, snapshot, digests and files"
    SUGGEST = "suggest", "Suggestions"


def all_scopes() -> list[str]:
    return list(Scope.values)


def validate_origin(text: str) -> None:
    if not is_origin(text) or text != text.lower():
        raise ValidationError("An origin looks like https://partner.example, without a path.", code="invalid")


class PartnerQuerySet(models.QuerySet["Partner"]):
    def of_user(self, user: Any) -> PartnerQuerySet:
        """Those whose pages ``user`` may see."""
        return self.filter(users=user, is_active=True)


class Partner(models.Model):
    """A site that shows the directory's listings."""

    name = models.CharField(max_length=120)
    contact = models.EmailField(help_text="Whom to write to. Never public.")
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="partners", help_text="Who may see its pages and keys."
    )
    quota = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute for each of its keys. Empty: as for everybody with a key."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Otherwise its keys are refused and its pages closed."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = PartnerQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="partner_name_once",
                violation_error_message="There is a partner of this name already.",
            ),
            models.CheckConstraint(
                name="partner_has_name",
                condition=~Q(name=""),
                violation_error_message="A partner has a name.",
            ),
            models.CheckConstraint(
                name="partner_quota_in_bounds",
                condition=Q(quota__isnull=True) | Q(quota__gte=1, quota__lte=MOST_REQUESTS),
                violation_error_message=f"A quota is 1 to {MOST_REQUESTS} requests a minute.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def unrevoked(self) -> ApiKeyQuerySet:
        """Those that take a place, expired ones too."""
        return self.filter(revoked_at__isnull=True)

    def expired(self) -> ApiKeyQuerySet:
        return self.unrevoked().filter(expires_at__lte=Now())


class ApiKey(models.Model):
    """A key of a partner. What is sent is not kept but its SHA-256; ``name`` is the part of it that is no secret."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    slot = models.PositiveSmallIntegerField(editable=False)
    scopes = ArrayField(
        models.CharField(max_length=16, choices=Scope.choices),
        default=all_scopes,
        help_text="What it may be used for.",
    )
    origins = ArrayField(
        models.CharField(max_length=200, validators=[validate_origin]),
        default=list,
        blank=True,
        help_text="The sites whose pages may use it, such as https://partner.example. Empty: any program.",
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_on = models.DateField(null=True, blank=True, editable=False)
    # What a mirror has: the newest revision behind which it asked for changes, and when it last did.
    mirrored_revision = models.BigIntegerField(null=True, blank=True, editable=False)
    mirrored_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]
        constraints = [
            # An expired key keeps its place until another is made: see partners.issuing.
            models.UniqueConstraint(
                fields=["partner", "slot"],
                condition=Q(revoked_at__isnull=True),
                name="api_key_two_at_once",
                violation_error_message="A partner has two keys at most: revoke one first.",
            ),
            models.CheckConstraint(
                name="api_key_slot", condition=Q(slot__in=SLOTS), violation_error_message="There is no such slot."
            ),
            models.CheckConstraint(
                name="api_key_scopes",
                condition=~Q(scopes=[]) & Q(scopes__contained_by=list(Scope.values)),
                violation_error_message="A key is for one or more of the known uses.",
            ),
            models.CheckConstraint(
                name="api_key_digest",
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"),
                violation_error_message="Of a key, only its SHA-256 is kept.",
            ),
            models.CheckConstraint(
                name="api_key_expires_later",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                violation_error_message="A key expires after it was made.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """What has become of it, in a word."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "live"

    @property
    def is_live(self) -> bool:
        return self.state == "live"


class Usage(models.Model):
    """How often a key was used on one day (UTC); flushed now and then from what the web processes count."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0, help_text="Beyond the limit, of those requests.")

    class Meta:
        verbose_name_plural = "usage"
        ordering = ["-day", "key_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "day"],
                name="usage_once_a_day",
                violation_error_message="This day is counted already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} on {self.day}"
