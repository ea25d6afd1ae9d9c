"""Webhooks: the addresses of partners to which changes are sent, each with its own place in the log.

The place is not moved on before the partner's server has answered 2xx: nothing is lost, and order holds.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Subquery
from django.db.models.functions import Coalesce, Now

from directory.api.errors import InvalidQuery, Problem
from directory.log import Place
from directory.models import Version, kinds
from directory.targets import Refused, read_public_target
from partners.membership import canonical
from partners.queries import filters_of, in_words
from partners.signing import new_secret, open_secret, seal_secret

# How many an account may have.
MOST_WEBHOOKS = 10
# After a new secret was made, the one before it signs beside it for so long.
ROTATION = datetime.timedelta(days=1)
# Of attempts, the newest so many of each webhook are kept, for so long.
KEPT, KEPT_FOR = 1000, datetime.timedelta(days=30)
LONGEST_REPLY = 1024


class State(models.TextChoices):
    UNPROVEN = "unproven", "Not proven yet"
    ACTIVE = "active", "Active"
    FAILING = "failing", "Failing, is tried again"
    DISABLED = "disabled", "Disabled"


class Stage(models.TextChoices):
    """How far a webhook with a query is in sending all that matches, before it goes on with what changes."""

    FOLLOWING = "", "Follows"
    BEGINNING = "begin", "Begins with nothing"
    FILLING = "fill", "Sends what matches"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def of_user(self, user: Any) -> WebhookQuerySet:
        """Those whose pages ``user`` may see."""
        return self.filter(partner__users=user, partner__is_active=True)

    def due(self, now: datetime.datetime) -> WebhookQuerySet:
        """Those that something is to be sent to, or whose place is to be moved on; who waits longest comes first."""
        end = Coalesce(Subquery(Version.objects.order_by("-pk").values("pk")[:1]), 0)
        is_behind = Q(position__lt=end) | ~Q(stage=Stage.FOLLOWING) | Q(pending__isnull=False)
        is_time = Q(next_attempt__lte=now)
        wanted = (
            Q(is_behind, state=State.ACTIVE)
            | Q(is_time, state__in=[State.UNPROVEN, State.FAILING])
            | Q(test_asked=True, state__in=[State.ACTIVE, State.FAILING])
        )
        return self.filter(wanted, partner__is_active=True).order_by(F("next_attempt").asc(nulls_first=True), "pk")


class Webhook(models.Model):
    """An address of a partner to which changes are sent."""

    partner = models.ForeignKey("partners.Partner", on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(
        "address",
        max_length=2000,
        help_text="Begins with https://. It has to prove that it is yours before anything is sent to it.",
    )
    kinds = ArrayField(
        models.CharField(max_length=16), default=list, blank=True, help_text="Of which kinds. None chosen: all."
    )
    view = models.ForeignKey(
        "partners.PublicView",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="webhooks",
        help_text="Only companies of this view. It then tells which of them entered it, were updated, or left, also"
        " when the query of the view is changed.",
    )
    query = models.CharField(
        max_length=2000,
        blank=True,
        help_text="Only companies of this list: what stands behind the question mark of its address,"
        " such as hub=lahore&women_led=true. It then tells which companies entered it, were updated, or left.",
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNPROVEN, editable=False)
    problem = models.CharField(max_length=300, blank=True, editable=False, help_text="What was wrong last.")
    secret = models.TextField(editable=False, help_text="Sealed.")
    old_secret = models.TextField(blank=True, editable=False, help_text="Sealed; of a rotation.")
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The place in the log behind which it goes on. Position 0: all of the revision is read.
    epoch = models.CharField(max_length=36, blank=True, editable=False)
    revision = models.BigIntegerField(default=0, editable=False)
    position = models.BigIntegerField(default=0, editable=False)
    stage = models.CharField(max_length=8, blank=True, choices=Stage.choices, editable=False)
    # The delivery that was begun and is not confirmed, as partners.parcels keeps it.
    pending = models.JSONField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False, help_text="Failed ones in a row.")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    next_attempt = models.DateTimeField(null=True, blank=True, editable=False)
    test_asked = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["partner__name", "pk"]
        constraints = [
            models.CheckConstraint(
                name="webhook_by_http",
                condition=Q(url__startswith="https://") | Q(url__startswith="http://"),
                violation_error_message="The address has to begin with https://.",
            ),
            models.CheckConstraint(
                name="webhook_of_kinds_or_query",
                condition=Q(query="", view=None) | Q(kinds=[]),
                violation_error_message="A query or a view is about companies: choose no kinds beside it.",
            ),
            models.CheckConstraint(
                name="webhook_of_view_or_query",
                condition=Q(query="") | Q(view=None),
                violation_error_message="A view has a query of its own: give one of the two.",
            ),
            models.CheckConstraint(
                name="webhook_stage_of_query",
                condition=~Q(query="", view=None) | Q(stage=Stage.FOLLOWING),
                violation_error_message="Without a query there is nothing to fill.",
            ),
            models.CheckConstraint(
                name="webhook_state_known",
                condition=Q(state__in=State.values),
                violation_error_message="The state is not one of the list.",
            ),
            models.CheckConstraint(
                name="webhook_disabled_why",
                condition=~Q(state=State.DISABLED) | ~Q(problem=""),
                violation_error_message="It is disabled for a reason.",
            ),
            models.CheckConstraint(
                name="webhook_failing_since",
                condition=~Q(state=State.FAILING) | Q(failing_since__isnull=False, next_attempt__isnull=False),
                violation_error_message="What fails does so since a time, and is tried again.",
            ),
            models.CheckConstraint(
                name="webhook_two_secrets",
                condition=Q(old_secret="", old_secret_until__isnull=True)
                | ~Q(old_secret="") & Q(old_secret_until__isnull=False),
                violation_error_message="The secret before signs until a time.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner}: {self.url}"

    def clean(self) -> None:
        """Say what is wrong with the address, the kinds or the query; write scheme and query in the one way."""
        mistakes: dict[str, list[str]] = {}
        scheme, colon, rest = self.url.partition(":")
        self.url = scheme.lower() + colon + rest
        try:
            read_public_target(self.url, http=settings.WEBHOOKS_HTTP, loopback=settings.WEBHOOKS_HTTP)
        except Refused as refused:
            mistakes["url"] = [str(refused)]
        if unknown := set(self.kinds) - set(kinds()):
            mistakes["kinds"] = [f"There is no kind “{sorted(unknown)[0]}”."]
        try:
            self.query = canonical(self.query)
        except InvalidQuery as error:
            mistakes["query"] = in_words(error)
        if self.view and self.view.partner_id not in (None, self.partner_id):
            mistakes["view"] = ["There is no such view."]
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def is_of_list(self) -> bool:
        """Whether it tells what becomes of a list, rather than what is published."""
        return bool(self.query or self.view_id)

    def asked(self, revision: int) -> str:
        """The query of its list; raises Problem where that is of a view that is not public any more."""
        if self.view is None:
            return self.query
        if not self.view.is_published:
            raise Problem("gone", f"The view “{self.view}” is not public any more.")
        return filters_of(self.view.query, revision)

    @property
    def here(self) -> Place:
        """Its place in the log, as it is kept."""
        return Place(self.epoch, self.revision, self.position)

    @here.setter
    def here(self, place: Place) -> None:
        self.epoch, self.revision, self.position = place.epoch, place.revision, place.position

    @property
    def place(self) -> Place | int:
        """Behind what the log is to be read."""
        return self.here if self.position else self.revision

    def secrets(self, now: datetime.datetime) -> list[str]:
        """The secrets that sign: in a rotation two."""
        is_rotating = self.old_secret_until is not None and now < self.old_secret_until
        return [open_secret(sealed) for sealed in ([self.secret, self.old_secret] if is_rotating else [self.secret])]

    def renew_secret(self, now: datetime.datetime) -> str:
        """Make a new secret, which is returned and never shown again; the one before it signs for a while yet."""
        if self.secret:
            self.old_secret, self.old_secret_until = self.secret, now + ROTATION
        secret = new_secret()
        self.secret = seal_secret(secret)
        return secret

    def ask_for_proof(self, now: datetime.datetime) -> None:
        """Send nothing more before the address has proved itself (again), which is tried at once."""
        self.state, self.problem, self.attempts = State.UNPROVEN, "", 0
        self.failing_since, self.next_attempt = None, now

    def activate(self) -> None:
        """Its server answered as it has to."""
        self.state, self.problem, self.attempts = State.ACTIVE, "", 0
        self.failing_since = self.next_attempt = None

    def replay(self, revision: int) -> None:
        """Send again what came behind ``revision``; with a query, all that matches, to a receiver that begins anew.

        Which companies left a list long ago is not kept, so of a list there is only the whole.
        """
        self.pending = None
        if self.is_of_list:
            self.members.all().delete()
            self.stage = Stage.BEGINNING
        else:
            self.epoch, self.revision, self.position = "", revision, 0

    def disable(self, problem: str) -> None:
        self.state, self.problem, self.next_attempt = State.DISABLED, problem[:300], None
        self.failing_since, self.attempts = None, 0


class Member(models.Model):
    """A company that the receiver of a webhook with a query has been told of, and not that it left."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="members")
    object_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "object_id"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.object_id} of {self.webhook_id}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def outdated(self, webhook: Webhook, now: datetime.datetime) -> DeliveryQuerySet:
        """What of a webhook's attempts is not kept any longer."""
        those = self.filter(webhook=webhook)
        surplus = those.order_by("-pk").values("pk")[KEPT : KEPT + 1]
        return those.filter(Q(pk__lte=Coalesce(Subquery(surplus), 0)) | Q(at__lt=now - KEPT_FOR))


class Delivery(models.Model):
    """An attempt to send something to a webhook, and what came of it."""

    class Kind(models.TextChoices):
        CHANGES = "changes", "Changes"
        VIEW = "view", "Changes of a list"
        CHALLENGE = "challenge", "Challenge"
        TEST = "test", "Test"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    message = models.CharField(max_length=40, help_text="Its webhook-id, the same whenever it is tried again.")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField()
    attempt = models.PositiveIntegerField(help_text="The how manieth of this message.")
    # What part of the log it holds, of positions behind the first and up to the second.
    after = models.BigIntegerField(null=True)
    position = models.BigIntegerField(null=True)
    records = models.PositiveIntegerField(default=0)
    succeeded = models.BooleanField()
    status_code = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    reply = models.CharField(max_length=LONGEST_REPLY, blank=True, help_text="How the answer begins.")
    milliseconds = models.PositiveIntegerField()

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["webhook", "-id"], name="delivery_newest")]
        constraints = [
            models.CheckConstraint(
                name="delivery_kind_known",
                condition=Q(kind__in=["changes", "view", "challenge", "test"]),
                violation_error_message="The kind is not one of the list.",
            ),
            models.CheckConstraint(
                name="delivery_problem_told",
                condition=Q(succeeded=True, problem="") | Q(succeeded=False) & ~Q(problem=""),
                violation_error_message="What failed did so for a reason.",
            ),
        ]

    def __str__(self) -> str:
        return self.message
