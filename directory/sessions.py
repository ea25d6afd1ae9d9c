import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

STARTED, SEEN = "started_at", "seen_at"
SEEN_PRECISION = 60  # seconds; a write a request is too much for knowing who is idle


class SessionStore(db.SessionStore):
    """A session that ends SESSION_COOKIE_AGE after its last use and SESSION_LONGEST after its start."""

    def load(self) -> dict[str, Any]:
        data = super().load()  # already empty after SESSION_COOKIE_AGE without a save
        now = int(time.time())
        if data and now - data.get(STARTED, now) > settings.SESSION_LONGEST:
            self.flush()
            return {}
        if data and now - data.get(SEEN, 0) > SEEN_PRECISION:
            data[SEEN] = now
            self.modified = True
        return data

    def save(self, must_create: bool = False) -> None:
        now = int(time.time())
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        data.setdefault(STARTED, now)
        data.setdefault(SEEN, now)
        super().save(must_create)


def end_sessions(user: AbstractBaseUser) -> None:
    """Sign ``user`` out everywhere, so that no session revives with the account."""
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
