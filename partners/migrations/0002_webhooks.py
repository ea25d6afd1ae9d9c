import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "url",
                    models.CharField(
                        help_text="Begins with https://. It has to prove that it is yours before anything is sent to it.",
                        max_length=2000,
                        verbose_name="address",
                    ),
                ),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        help_text="Of which kinds. None chosen: all.",
                        size=None,
                    ),
                ),
                (
                    "query",
                    models.CharField(
                        blank=True,
                        help_text="Only companies of this list: what stands behind the question mark of its address, such as hub=lahore&women_led=true. It then tells which companies entered it, were updated, or left.",
                        max_length=2000,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unproven", "Not proven yet"),
                            ("active", "Active"),
                            ("failing", "Failing, is tried again"),
                            ("disabled", "Disabled"),
                        ],
                        default="unproven",
                        editable=False,
                        max_length=16,
                    ),
                ),
                (
                    "problem",
                    models.CharField(blank=True, editable=False, help_text="What was wrong last.", max_length=300),
                ),
                ("secret", models.TextField(editable=False, help_text="Sealed.")),
                ("old_secret", models.TextField(blank=True, editable=False, help_text="Sealed; of a rotation.")),
                ("old_secret_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("epoch", models.CharField(blank=True, editable=False, max_length=36)),
                ("revision", models.BigIntegerField(default=0, editable=False)),
                ("position", models.BigIntegerField(default=0, editable=False)),
                (
                    "stage",
                    models.CharField(
                        blank=True,
                        choices=[("", "Follows"), ("begin", "Begins with nothing"), ("fill", "Sends what matches")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("pending", models.JSONField(blank=True, editable=False, null=True)),
                (
                    "attempts",
                    models.PositiveIntegerField(default=0, editable=False, help_text="Failed ones in a row."),
                ),
                ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("next_attempt", models.DateTimeField(blank=True, editable=False, null=True)),
                ("test_asked", models.BooleanField(default=False, editable=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="partners.partner"
                    ),
                ),
            ],
            options={
                "ordering": ["partner__name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("object_id", models.BigIntegerField()),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="members", to="partners.webhook"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "message",
                    models.CharField(help_text="Its webhook-id, the same whenever it is tried again.", max_length=40),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("changes", "Changes"),
                            ("view", "Changes of a list"),
                            ("challenge", "Challenge"),
                            ("test", "Test"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("attempt", models.PositiveIntegerField(help_text="The how manieth of this message.")),
                ("after", models.BigIntegerField(null=True)),
                ("position", models.BigIntegerField(null=True)),
                ("records", models.PositiveIntegerField(default=0)),
                ("succeeded", models.BooleanField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("reply", models.CharField(blank=True, help_text="How the answer begins.", max_length=1024)),
                ("milliseconds", models.PositiveIntegerField()),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="partners.webhook"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("url__startswith", "https://"), ("url__startswith", "http://"), _connector="OR"),
                name="webhook_by_http",
                violation_error_message="The address has to begin with https://.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("query", ""), ("kinds", []), _connector="OR"),
                name="webhook_of_kinds_or_query",
                violation_error_message="A query is about companies: choose no kinds beside it.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("query", ""), _negated=True), ("stage", ""), _connector="OR"),
                name="webhook_stage_of_query",
                violation_error_message="Without a query there is nothing to fill.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["unproven", "active", "failing", "disabled"])),
                name="webhook_state_known",
                violation_error_message="The state is not one of the list.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "disabled"), _negated=True),
                    models.Q(("problem", ""), _negated=True),
                    _connector="OR",
                ),
                name="webhook_disabled_why",
                violation_error_message="It is disabled for a reason.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "failing"), _negated=True),
                    models.Q(("failing_since__isnull", False), ("next_attempt__isnull", False)),
                    _connector="OR",
                ),
                name="webhook_failing_since",
                violation_error_message="What fails does so since a time, and is tried again.",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("old_secret", ""), ("old_secret_until__isnull", True)),
                    models.Q(models.Q(("old_secret", ""), _negated=True), ("old_secret_until__isnull", False)),
                    _connector="OR",
                ),
                name="webhook_two_secrets",
                violation_error_message="The secret before signs until a time.",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(fields=("webhook", "object_id"), name="member_once"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["webhook", "-id"], name="delivery_newest"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["changes", "view", "challenge", "test"])),
                name="delivery_kind_known",
                violation_error_message="The kind is not one of the list.",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("problem", ""), ("succeeded", True)),
                    models.Q(("succeeded", False), models.Q(("problem", ""), _negated=True)),
                    _connector="OR",
                ),
                name="delivery_problem_told",
                violation_error_message="What failed did so for a reason.",
            ),
        ),
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
