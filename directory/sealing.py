"""Secrets that we need again: stored in a form that only SECRET_KEY opens, or one of SECRET_KEY_FALLBACKS."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


def box(purpose: bytes) -> MultiFernet:
    """What seals and opens; what was sealed for one purpose cannot be opened for another."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hmac.digest(force_bytes(key), purpose, hashlib.sha256) for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def seal(text: str, purpose: bytes) -> str:
    return box(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: bytes) -> str:
    """Raises cryptography.fernet.InvalidToken for what was sealed otherwise."""
    return box(purpose).decrypt(sealed.encode()).decode()
