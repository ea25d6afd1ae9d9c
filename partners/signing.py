"""Signatures by the Standard Webhooks specification, and the secrets they are made with."""

import base64
import datetime
import secrets
from collections.abc import Sequence

import standardwebhooks

from directory.sealing import seal, unseal

PREFIX = "whsec_"
SECRET_BYTES = 32
PURPOSE = b"webhook secrets"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def new_message() -> str:
    """A webhook-id that there was never before."""
    return "msg_" + secrets.token_hex(16)


def seal_secret(secret: str) -> str:
    return seal(secret, PURPOSE)


def open_secret(sealed: str) -> str:
    """Raises cryptography.fernet.InvalidToken for what was sealed under another SECRET_KEY."""
    return unseal(sealed, PURPOSE)


def signed(message: str, at: datetime.datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of ``body``, with a signature by each of ``secrets``."""
    at = at.astimezone(datetime.UTC)  # the library takes any time for one of UTC
    signatures = [standardwebhooks.Webhook(secret).sign(message, at, body) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
