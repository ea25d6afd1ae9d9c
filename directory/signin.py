"""How curators sign in: password, then a code of their device, which nobody can use twice.

What allauth is told of us: its views call the adapters and forms below. Nobody signs up, and no mail is sent.
"""

import hmac
import logging
import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import (
    SECRET_SESSION_KEY,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import InvalidToken
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.views.decorators.http import require_POST

from directory.lockout import client_address, count_failure, is_locked, one_try_at_a_time
from directory.sealing import seal, unseal

log = logging.getLogger(__name__)

POSTPONED = "second_factor_postponed"
COUNTER = "counter"
PURPOSE = b"second factors"
LOCKED = "Too many failed tries. Wait half an hour, or ask an administrator to unlock you."


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": LOCKED,
        "username_password_mismatch": "No active account has this username and password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return home_of(request.user)

    def send_notification_mail(self, *args: Any, **options: Any) -> None:
        """We send no mail."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        try:
            with one_try_at_a_time(credentials["username"]):
                user = super().authenticate(request, **credentials)
        except OperationalError as error:  # many tries wait for one another
            raise self.validation_error("too_many_login_attempts") from error
        if user is None:
            log.warning("sign-in %s from %s failed", meant(credentials["username"]), client_address(request))
            if request.axes_locked_out:  # type: ignore[attr-defined]
                raise self.validation_error("too_many_login_attempts")
        return user

    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        log.info("account %s signed in from %s", user.pk, client_address(request))

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """Whether to show again who one is: soon after the last time not, if it was by the best one has."""
        records = get_authentication_records(context.request, context.request.user)
        if not records or time.time() - records[-1]["at"] > app_settings.REAUTHENTICATION_TIMEOUT:
            return True
        return has_second_factor(context.request.user) and records[-1]["method"] != "mfa"

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        name = "mfa_reauthenticate" if has_second_factor(user) else "account_reauthenticate"
        return [{"id": name, "description": "", "url": reverse(name)}]


class SecretsAdapter(DefaultMFAAdapter):
    """Secrets are stored sealed."""

    def encrypt(self, text: str) -> str:
        return seal(text, PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, PURPOSE)

    def get_totp_issuer(self) -> str:
        return "Pakistan technology directory"

    def build_totp_svg(self, url: str) -> str:
        """The picture as an element of the page: an image by address would need a weaker policy."""
        return super().build_totp_svg(url).partition("?>")[2].strip()


def meant(username: str) -> str:
    """Whose account it was, for the log; what leads to none is not repeated, as it may be somebody's password."""
    account = User.objects.filter(username=username).first()
    return f"to account {account.pk}" if account else "under a name that nobody has"


def has_second_factor(user: Any) -> bool:
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()


def is_verified(request: HttpRequest) -> bool:
    """Whether this session has shown a second factor that its user still has."""
    records = get_authentication_records(request, request.user)
    shown = [record["id"] for record in records if record["method"] == "mfa"]
    return bool(shown) and Authenticator.objects.filter(user_id=request.user.pk, pk__in=shown).exists()


def is_postponed(request: HttpRequest) -> bool:
    """Whether this session goes without a second factor for now, which only a machine of one's own allows."""
    return settings.MAY_POSTPONE and bool(request.session.get(POSTPONED)) and not has_second_factor(request.user)


def missing_step(request: HttpRequest) -> str:
    """The name of the page that asks for what is missing: password, second factor or a code of it; "" for nothing."""
    if not request.user.is_authenticated:
        return "account_login"
    if is_verified(request) or is_postponed(request):
        return ""
    return "mfa_reauthenticate" if has_second_factor(request.user) else "mfa_activate_totp"


def home_of(user: Any) -> str:
    """Where somebody goes who goes nowhere in particular: partners' people do not see the admin."""
    return reverse("partner" if user.is_authenticated and not user.is_staff else "admin:index")


def matching_counter(secret: str, code: str) -> int | None:
    """The number of the time step whose code this is, of those that count now."""
    for counter in yield_hotp_counters_from_time():
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, counter)).encode(), code.encode()):
            return counter
    return None


def use_totp(authenticator: Authenticator, code: str) -> bool:
    """Use up a code of the device: it, and every earlier one, is void from now on."""
    counter = matching_counter(decrypt(authenticator.data["secret"]), code)
    if counter is None or counter <= authenticator.data.get(COUNTER, -1):
        return False
    authenticator.data[COUNTER] = counter
    authenticator.save(update_fields=["data"])
    return True


def use_code(user: User, code: str) -> Authenticator | None:
    """The second factor of ``user`` whose code this is, which is used up by it. One at a time, or it counts twice."""
    code = "".join(code.split())
    for authenticator in Authenticator.objects.filter(user=user):
        is_totp = authenticator.type == Authenticator.Type.TOTP
        try:
            if use_totp(authenticator, code) if is_totp else authenticator.wrap().validate_code(code):
                return authenticator
        except InvalidToken:
            log.error("the second factor of account %s was stored under another SECRET_KEY: reset it", user.pk)
    return None


class CodeMixin(forms.Form):
    """A code by which the account can be guessed as by its password: it is counted the same way."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="The six digits that your device shows, or one of your recovery codes.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )
    user: User

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        request, username = context.request, self.user.get_username()
        try:
            with one_try_at_a_time(username):
                if is_locked(request, username):
                    found, message = None, LOCKED
                elif found := use_code(self.user, code):
                    self.authenticator = found
                else:
                    count_failure(request, username)
                    message = "This is not the code, or it was used before."
        except OperationalError as error:
            raise ValidationError(LOCKED) from error
        if not found:
            log.warning("second factor of account %s from %s failed", self.user.pk, client_address(request))
            raise ValidationError(message)
        return code


class CodeForm(CodeMixin, AuthenticateForm):
    pass


class CodeAgainForm(CodeMixin, ReauthenticateForm):
    pass


class SetUpForm(ActivateTOTPForm):
    """Until it is confirmed, the secret waits in the session, and not in clear either."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="The six digits that the app shows now.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        self.user = user
        forms.Form.__init__(self, *args, **options)
        session = context.request.session
        if SECRET_SESSION_KEY not in session:
            session[SECRET_SESSION_KEY] = encrypt(generate_totp_secret())
        self.secret = decrypt(session[SECRET_SESSION_KEY])

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        self.counter = matching_counter(self.secret, code)
        if self.counter is None:
            raise ValidationError("This is not the code. Is the clock of your device right?")
        return code


class SetUp(ActivateTOTPView):
    """Set up a second factor; the session has then shown it."""

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        if has_second_factor(request.user):
            return HttpResponseRedirect(reverse("mfa_index"))
        return super().dispatch(request, *args, **options)

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        return super().get_context_data(**options) | {"may_postpone": settings.MAY_POSTPONE}

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        made = Authenticator.objects.get(user=form.user, type=Authenticator.Type.TOTP)
        made.data[COUNTER] = form.counter
        made.save(update_fields=["data"])
        post_authentication(self.request, made)
        return response


class TakeAway(DeactivateTOTPView):
    """Take the second factor away, to set up another device."""

    success_url = reverse_lazy("mfa_activate_totp")


@require_POST
def postpone(request: HttpRequest) -> HttpResponse:
    """Go on without a second factor until the next sign-in, where that is allowed."""
    if request.user.is_authenticated and settings.MAY_POSTPONE:
        request.session[POSTPONED] = True
    return HttpResponseRedirect(home_of(request.user))
