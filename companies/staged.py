"""Imports as the database keeps them: the file, each of its rows, what is to become of it and what did.

uploaded → staging → staged → applying → applied → undoing → undone; or failed, with the reason. The truth is in
these rows: whoever carries on with an import, after whatever happened, reads here how far it came.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from companies.workflow import Status


class State(models.TextChoices):
    UPLOADED = "uploaded", "Uploaded"
    STAGING = "staging", "Being read"
    STAGED = "staged", "To be decided"
    APPLYING = "applying", "Being applied"
    APPLIED = "applied", "Applied"
    UNDOING = "undoing", "Being undone"
    UNDONE = "undone", "Undone"
    FAILED = "failed", "Failed"


# In these the background is at work.
BUSY = (State.STAGING, State.APPLYING, State.UNDOING)


class Decision(models.TextChoices):
    """What becomes of a row."""

    CREATE = "create", "New"
    UPDATE = "update", "Known"
    UNDECIDED = "undecided", "To be decided"
    SKIP = "skip", "Left out"
    REFUSED = "refused", "Refused"


WRITTEN = (Decision.CREATE, Decision.UPDATE)


class Certainty(models.TextChoices):
    """How certain it is that the row means a company of the directory, or of an earlier row."""

    CERTAIN = "certain", "Certain"
    POSSIBLE = "possible", "Possible"
    NONE = "none", "None"


class ImportQuerySet(models.QuerySet["Import"]):
    def waiting(self) -> ImportQuerySet:
        """Those that the background has to go on with, the oldest first."""
        return self.filter(state__in=BUSY).order_by("pk")

    def for_curators(self) -> ImportQuerySet:
        """Those that wait for somebody to say how they go on."""
        unfinished = Q(state__in=[State.UPLOADED, State.STAGED, State.FAILED])
        return self.filter(unfinished | Q(state=State.APPLIED, counts__undecided__gt=0))

    def without_file(self) -> ImportQuerySet:
        return self.defer("content")


class Import(models.Model):
    """A file of companies on its way into the directory."""

    name = models.CharField(max_length=200, verbose_name="file")
    kind = models.CharField(max_length=8, choices=[("csv", "CSV"), ("xlsx", "XLSX"), ("json", "JSON")])
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    content = models.BinaryField(help_text="The file itself, until it is applied.")
    columns = ArrayField(models.CharField(max_length=32_767), help_text="As the file names them, in its order.")
    mapping = models.JSONField(default=dict, help_text="Column → field; a column without one is left out.")
    status = models.CharField(
        max_length=16,
        choices=[(Status.DRAFT, "Drafts"), (Status.PUBLISHED, "Published at once")],
        default=Status.DRAFT,
        verbose_name="new companies are",
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.UPLOADED)
    problem = models.TextField(blank=True, help_text="Why it failed, or could not be undone.")
    counts = models.JSONField(default=dict, help_text="How many rows there are of each decision, and how many done.")
    # The newest company that rows were matched with, and those entered by others since, while it was applied.
    newest = models.BigIntegerField(default=0)
    others = ArrayField(models.BigIntegerField(), default=list)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports"
    )
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300, blank=True, help_text="Where the rows come from. Curators read it.")
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports_undone"
    )
    is_checked = models.BooleanField(default=False, help_text="An undo loses nothing: all companies were looked at.")
    why_undone = models.CharField(max_length=400, blank=True)

    objects = ImportQuerySet.as_manager()

    # Rows that the next chunk has; found out anew by whoever carries on.
    pace = 500

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="import_choices_known",
                condition=Q(state__in=State.values) & Q(kind__in=["csv", "xlsx", "json"]),
                violation_error_message="State and kind are each one of their lists.",
            ),
            models.CheckConstraint(
                name="import_status_of_the_workflow",
                condition=Q(status__in=[Status.DRAFT, Status.PUBLISHED]),
                violation_error_message="New companies are drafts, or published.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_busy(self) -> bool:
        return self.state in BUSY

    @property
    def why(self) -> str:
        """What the log says of each of its revisions."""
        return f"Import {self.pk}, {self.name}" + (f": {self.reason}" if self.reason else "")

    @property
    def standing(self) -> str:
        """Its state in words; an import of which rows wait is not done with."""
        waiting = self.counts.get(Decision.UNDECIDED, 0)
        if self.state != State.APPLIED or not waiting:
            return self.get_state_display()
        return f"Applied, except {waiting} row{'' if waiting == 1 else 's'} to be decided"

    def outcome(self, tally: dict[str, int]) -> dict[str, int]:
        """How many companies were created and changed, and how many rows changed nothing, were refused, wait.

        ``tally`` is how its rows are counted now.
        """
        done = self.rows.done()
        created = done.filter(decision=Decision.CREATE)
        new = created.filter(company__isnull=False).values("company")
        known = done.filter(decision=Decision.UPDATE).exclude(company__in=new)
        return {
            "created": created.count(),
            "changed": known.exclude(before={}).values("company").distinct().count(),
            "unchanged": known.filter(before={}).count(),
            "refused": tally[Decision.REFUSED],
            "waiting": tally[Decision.UNDECIDED],
        }

    def count(self) -> None:
        """Count its rows anew."""
        self.counts = self.rows.tally()
        self.save(update_fields=["counts"])

    def move(self, state: str, problem: str = "") -> None:
        """Go to ``state``, with the rows counted as they are then."""
        self.state, self.problem = state, problem
        self.counts = self.rows.tally()
        self.save(update_fields=["state", "problem", "counts"])


class ImportRowQuerySet(models.QuerySet["ImportRow"]):
    def pending(self) -> ImportRowQuerySet:
        """What is decided and not done yet, in the order of the file."""
        earlier = ImportRow.objects.filter(
            batch=OuterRef("batch"), number=OuterRef("same_as"), decision=Decision.UNDECIDED
        )
        found = self.filter(decision__in=WRITTEN, done=False)
        return found.filter(Q(same_as__isnull=True) | ~Exists(earlier)).order_by("number")

    def done(self) -> ImportRowQuerySet:
        return self.filter(done=True)

    def with_leftovers(self) -> ImportRowQuerySet:
        """The rows that go in, or may, although something that they say found no place."""
        found = self.exclude(decision__in=(Decision.SKIP, Decision.REFUSED))
        return found.exclude(unplaced=[], reasons=[])

    def writing(self) -> ImportRowQuerySet:
        """The rows that made a company, or changed it."""
        return self.done().exclude(before={})

    def to_write(self) -> ImportRowQuerySet:
        """Without what only people look at."""
        return self.defer("raw", "candidates")

    def tally(self) -> dict[str, int]:
        """Decision → number of rows; besides, how many there are in ``all`` and how many are ``done``."""
        found = self.order_by().values_list("decision").annotate(models.Count("pk"))
        counts = dict.fromkeys(Decision.values, 0) | dict(found)
        return counts | {"all": sum(counts.values()), "done": self.done().count()}


class ImportRow(models.Model):
    """One row of an imported file."""

    # `import` is a word of Python's.
    batch = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", verbose_name="import")
    number = models.PositiveIntegerField(help_text="As in a spreadsheet, with the header.")
    raw = models.JSONField(help_text="Column → text, as in the file.")
    patch = models.JSONField(help_text="The row as a patch of a company’s document.")
    unplaced = models.JSONField(default=list, help_text="[column, value] of what found no place.")
    certainty = models.CharField(max_length=8, choices=Certainty.choices)
    candidates = models.JSONField(default=list, help_text="[company or -row, score, reasons], the likeliest first.")
    decision = models.CharField(max_length=16, choices=Decision.choices)
    company = models.ForeignKey(
        "companies.Company", null=True, blank=True, on_delete=models.SET_NULL, related_name="import_rows"
    )
    same_as = models.PositiveIntegerField(null=True, blank=True, help_text="An earlier row of the same company.")
    reasons = models.JSONField(default=list, help_text="Why it was refused, or what of it was left out.")
    done = models.BooleanField(default=False)
    revision = models.BigIntegerField(null=True, blank=True)
    # Of a company that was there before: the fields that the row changed.
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    objects = ImportRowQuerySet.as_manager()

    class Meta:
        ordering = ["batch", "number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="import_row_once"),
            models.CheckConstraint(
                name="import_row_decision_known",
                condition=Q(decision__in=Decision.values) & Q(certainty__in=Certainty.values),
                violation_error_message="Decision and certainty are each one of their lists.",
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "decision", "number"], name="import_row_decision"),
            models.Index(
                fields=["batch", "number"],
                name="import_row_pending",
                condition=Q(done=False, decision__in=WRITTEN),
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.number} of {self.batch}"
