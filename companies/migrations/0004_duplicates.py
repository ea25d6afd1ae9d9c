import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("companies", "0003_matching"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Duplicate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("score", models.FloatField(help_text="From 0 to 1: how much says that they are one.")),
                (
                    "reasons",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=1000), default=list, size=None
                    ),
                ),
                ("seen_at", models.DateTimeField(help_text="When the search for duplicates last came upon them.")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("not_duplicate", "Not a duplicate"), ("merged", "Merged")],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField(null=True)),
                ("why", models.CharField(blank=True, max_length=500)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="duplicates",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "first",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="duplicates_after",
                        to="companies.company",
                    ),
                ),
                (
                    "second",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="duplicates_before",
                        to="companies.company",
                    ),
                ),
            ],
            options={
                "ordering": ["-score", "id"],
                "permissions": [("decide_duplicate", "Can decide duplicate")],
                "indexes": [models.Index(fields=["state", "-score", "id"], name="duplicate_queue")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first__lt", models.F("second"))),
                        name="duplicate_in_order",
                        violation_error_message="A pair is of two companies, the one with the lower number first.",
                    ),
                    models.UniqueConstraint(
                        fields=("first", "second"),
                        name="duplicate_once",
                        violation_error_message="These two are a pair already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("score__gte", 0), ("score__lte", 1)),
                        name="duplicate_score_of_one",
                        violation_error_message="A score lies between 0 and 1.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("at__isnull", True), ("by__isnull", True), ("state", "open"), ("why", "")),
                            models.Q(("at__isnull", False), ("state__in", ["not_duplicate", "merged"])),
                            _connector="OR",
                        ),
                        name="duplicate_decided",
                        violation_error_message="A pair is open, or somebody decided it at some time.",
                    ),
                ],
            },
        ),
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
