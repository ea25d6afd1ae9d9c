"""What is known of companies' websites: whether they answered when they were last asked. Never public."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models
from django.db.models import Q

from directory.websites import WebsiteField

# A website is dead after failures on so many different days in a row: servers are mended overnight.
DEAD_AFTER = 3
# Failures in a row → days until the next check; more failures wait as long as the last of these.
PAUSES: Mapping[int, int] = {0: 30, 1: 1, 2: 1, 3: 7, 4: 14, 5: 30}


class State(models.TextChoices):
    UNKNOWN = "", "Not checked yet"
    OK = "ok", "Reachable"
    MOVED = "moved", "Reachable at another domain"
    BROKEN = "broken", "Answers with an error"
    UNREACHABLE = "unreachable", "Not reachable"
    REFUSED = "refused", "Not an address that is followed"


FAILED = (State.BROKEN, State.UNREACHABLE)


@dataclass(frozen=True)
class Finding:
    """What came of asking a website once: ``problem`` says in words what was wrong."""

    state: State
    status_code: int | None = None
    final_url: str = ""
    problem: str = ""


class LinkCheck(models.Model):
    """The last check of a company's website, and when the next one is due."""

    company = models.OneToOneField("companies.Company", on_delete=models.CASCADE, related_name="link_check")
    url = WebsiteField(help_text="What was checked: the company may have another website by now.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNKNOWN, blank=True)
    checked_at = models.DateTimeField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    final_url = models.CharField(max_length=2000, blank=True, help_text="Where its redirects led.")
    problem = models.CharField(max_length=200, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Days in a row on which it failed.")
    failed_on = models.DateField(null=True)
    next_check = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True, help_text="When a curator asked for a check that is not made yet.")

    class Meta:
        ordering = ["-checked_at", "-id"]
        indexes = [models.Index(fields=["state"], name="link_check_state")]
        constraints = [
            models.CheckConstraint(
                name="link_check_state_known",
                condition=Q(state__in=State.values),
                violation_error_message="The state is not one of the list.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.url}: {self.get_state_display()}"

    @property
    def is_dead(self) -> bool:
        return self.failures >= DEAD_AFTER

    def note(self, finding: Finding, url: str, now: datetime.datetime) -> None:
        """Take over what was found at ``url``; two failures of one day count once."""
        today = now.date()
        if finding.state not in FAILED:
            self.failures, self.failed_on = 0, None
        elif self.failed_on != today or self.url != url:
            self.failures = self.failures + 1 if self.url == url else 1
            self.failed_on = today
        self.url, self.state, self.checked_at = url, finding.state, now
        self.status_code, self.final_url = finding.status_code, finding.final_url[:2000]
        self.problem, self.asked_at = finding.problem[:200], None
        self.next_check = now + datetime.timedelta(days=PAUSES[min(self.failures, max(PAUSES))])

    def postpone(self, url: str, now: datetime.datetime) -> None:
        """Try again in an hour, as if nobody had asked ``url``."""
        if self.url != url:
            self.url, self.state, self.failures, self.failed_on = url, State.UNKNOWN, 0, None
        self.asked_at, self.next_check = None, now + datetime.timedelta(hours=1)
