"""What sources say of companies and no field has a place for: a tag that names no specialty, a number that is none.

Never public. A curator gives a specialty another name, and what waited here finds its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.db.models import Count
from django.db.models.functions import Now

LONGEST = 300
KEEP = """
    INSERT INTO companies_unplacedvalue (company_id, field, value)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING
"""


class UnplacedQuerySet(models.QuerySet[Any]):
    def keep(self, found: Iterable[tuple[int, str, str]]) -> None:
        """Keep each (company, field, value) once, however often and wherever it is said."""
        rows = [(pk, name, value[:LONGEST]) for pk, name, value in found if value]
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(KEEP, [*map(list, zip(*rows, strict=True))])

    def most_frequent(self, most: int) -> list[tuple[str, str, int]]:
        """(field, value, companies), the most frequent first."""
        counted = self.values_list("field", "value").annotate(companies=Count("pk"))
        return list(counted.order_by("-companies", "field", "value")[:most])


class UnplacedValue(models.Model):
    """A value that was said of a company, and the field that it was meant for."""

    company = models.ForeignKey("companies.Company", on_delete=models.CASCADE, related_name="unplaced_values")
    field = models.CharField(max_length=40)
    value = models.CharField(max_length=LONGEST)
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UnplacedQuerySet.as_manager()

    class Meta:
        ordering = ["field", "value", "id"]
        indexes = [models.Index(fields=["field", "value"], name="unplaced_by_value")]
        constraints = [
            models.UniqueConstraint(fields=["company", "field", "value"], name="unplaced_once"),
            models.CheckConstraint(
                name="unplaced_says_something",
                condition=~models.Q(value=""),
                violation_error_message="Nothing is no value.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.value}"
