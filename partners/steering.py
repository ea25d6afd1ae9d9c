"""What partners and curators do with a webhook: add it, change it, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from directory.models import Log, Revision, kinds
from partners.couriers import locked
from partners.models import Partner, PublicView
from partners.parcels import end_of_log
from partners.webhooks import MOST_WEBHOOKS, Stage, State, Webhook

SOON = "within ten seconds"


class WebhookForm(forms.ModelForm):
    """Where to send, and what."""

    kinds = forms.MultipleChoiceField(
        choices=lambda: [(kind, model._meta.verbose_name_plural) for kind, model in kinds().items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=Webhook._meta.get_field("kinds").help_text,
    )

    class Meta:
        model = Webhook
        fields = ["url", "kinds", "view", "query"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        views: Any = self.fields["view"]
        views.queryset, views.empty_label = PublicView.objects.open_to(self.instance.partner), "None"


def add_webhook(form: WebhookForm, *, partner: Partner, by: Any) -> tuple[Webhook, str]:
    """(the webhook of a valid ``form``, its secret, which nobody can be shown again); raises ValidationError.

    It begins with what is published next, with a query with all that matches.
    """
    now = timezone.now()
    with transaction.atomic():
        Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
        if partner.webhooks.count() >= MOST_WEBHOOKS:
            raise ValidationError(f"A partner has at most {MOST_WEBHOOKS} webhooks.")
        webhook: Webhook = form.save(commit=False)
        webhook.partner, webhook.created_by, webhook.here = partner, by, end_of_log()
        webhook.stage = Stage.BEGINNING if webhook.is_of_list else Stage.FOLLOWING
        secret = webhook.renew_secret(now)
        webhook.ask_for_proof(now)
        webhook.save()
    return webhook, secret


def change_webhook(form: WebhookForm) -> None:
    """Save a valid ``form``, and nothing of what a courier changed meanwhile."""
    wanted: Webhook = form.instance
    with transaction.atomic():
        webhook = locked(wanted.pk)
        if webhook is None:
            return
        is_moved = webhook.url != wanted.url
        is_other = (webhook.query, webhook.view_id) != (wanted.query, wanted.view_id)
        if is_other or webhook.kinds != wanted.kinds:
            webhook.pending = None
        webhook.url, webhook.kinds, webhook.query = wanted.url, wanted.kinds, wanted.query
        webhook.view = wanted.view
        if is_other:
            webhook.members.all().delete()
            webhook.stage = Stage.BEGINNING if webhook.is_of_list else Stage.FOLLOWING
        if is_moved and webhook.state != State.DISABLED:
            webhook.ask_for_proof(timezone.now())
        webhook.save()


@dataclass(frozen=True)
class Done:
    """What a button did, in words; and a new secret, if that is what it made."""

    message: str
    secret: str = ""


def prove(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    webhook.ask_for_proof(timezone.now())
    return Done(f"The challenge is sent {SOON}.")


def disable(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    webhook.disable(f"Disabled by {by}.")
    return Done("Nothing is sent any more. What is published meanwhile is sent once it is enabled again.")


def rotate(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    return Done("Both secrets sign for a day, then the new one alone.", webhook.renew_secret(timezone.now()))


def retire(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    webhook.old_secret, webhook.old_secret_until = "", None
    return Done("The new secret alone signs from now on.")


def test(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    if webhook.state not in (State.ACTIVE, State.FAILING):
        raise ValidationError("Nothing is sent to an address before it has proved itself.")
    webhook.test_asked = True
    return Done(f"The test is sent {SOON}.")


def replay(webhook: Webhook, data: Mapping[str, str], by: Any) -> Done:
    given = data.get("revision", "").strip()
    oldest, newest = Log.objects.forgotten(), Revision.objects.current()
    if webhook.is_of_list:
        webhook.replay(0)
        return Done("All that matches is sent again, to a receiver that begins with nothing.")
    if not (given.isascii() and given.isdigit() and len(given) < 19 and oldest <= int(given) <= newest):
        raise ValidationError(f"Say behind which revision to begin: {oldest} to {newest}.")
    webhook.replay(int(given))
    return Done(f"All that came behind revision {given} is sent again.")


# Button → what it does, and in which states there is one.
BUTTONS: dict[str, tuple[Callable[[Webhook, Mapping[str, str], Any], Done], tuple[State, ...]]] = {
    "prove": (prove, (State.UNPROVEN, State.ACTIVE, State.FAILING)),
    "enable": (prove, (State.DISABLED,)),
    "disable": (disable, (State.UNPROVEN, State.ACTIVE, State.FAILING)),
    "rotate": (rotate, tuple(State)),
    "retire": (retire, tuple(State)),
    "test": (test, tuple(State)),
    "replay": (replay, tuple(State)),
}


def press(webhook_id: int, button: str, data: Mapping[str, str], *, by: Any) -> Done:
    """Do what a button is for; raises ValidationError where that is not possible, and what it said was seen late."""
    act, states = BUTTONS[button]
    with transaction.atomic():
        webhook = locked(webhook_id)
        if webhook is None or webhook.state not in states:
            raise ValidationError("It has changed since the page was opened: look again.")
        done = act(webhook, data, by)
        webhook.save()
    return done
