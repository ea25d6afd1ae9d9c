import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import partners.models
from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("companies", "0002_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Partner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("contact", models.EmailField(help_text="Whom to write to. Never public.", max_length=254)),
                (
                    "quota",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Requests a minute for each of its keys. Empty: as for everybody with a key.",
                        null=True,
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Otherwise its keys are refused and its pages closed.",
                        verbose_name="active",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "users",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who may see its pages and keys.",
                        related_name="partners",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"),
                        name="partner_name_once",
                        violation_error_message="There is a partner of this name already.",
                    ),
                    models.CheckConstraint(
                        condition=~Q(name=""),
                        name="partner_has_name",
                        violation_error_message="A partner has a name.",
                    ),
                    models.CheckConstraint(
                        condition=Q(quota__isnull=True) | Q(quota__gte=1, quota__lte=1000000),
                        name="partner_quota_in_bounds",
                        violation_error_message="A quota is 1 to 1000000 requests a minute.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(editable=False, max_length=12, unique=True)),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("slot", models.PositiveSmallIntegerField(editable=False)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("read", "Lists, objects and statistics"),
                                ("mirror", "Changes, snapshot and digests"),
                                ("suggest", "Suggestions"),
                            ],
                            max_length=16,
                        ),
                        default=partners.models.all_scopes,
                        help_text="What it may be used for.",
                        size=None,
                    ),
                ),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200, validators=[partners.models.validate_origin]),
                        blank=True,
                        default=list,
                        help_text="The sites whose pages may use it, such as https://partner.example. Empty: any program.",
                        size=None,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty: never.", null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_used_on", models.DateField(blank=True, editable=False, null=True)),
                ("mirrored_revision", models.BigIntegerField(blank=True, editable=False, null=True)),
                ("mirrored_at", models.DateTimeField(blank=True, editable=False, null=True)),
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="partners.partner"
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-created_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(revoked_at__isnull=True),
                        fields=("partner", "slot"),
                        name="api_key_two_at_once",
                        violation_error_message="A partner has two keys at most: revoke one first.",
                    ),
                    models.CheckConstraint(
                        condition=Q(slot__in=(1, 2)),
                        name="api_key_slot",
                        violation_error_message="There is no such slot.",
                    ),
                    models.CheckConstraint(
                        condition=~Q(scopes=[]) & Q(scopes__contained_by=["read", "mirror", "suggest"]),
                        name="api_key_scopes",
                        violation_error_message="A key is for one or more of the known uses.",
                    ),
                    models.CheckConstraint(
                        condition=Q(digest__regex="^[0-9a-f]{64}$"),
                        name="api_key_digest",
                        violation_error_message="Of a key, only its SHA-256 is kept.",
                    ),
                    models.CheckConstraint(
                        condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                        name="api_key_expires_later",
                        violation_error_message="A key expires after it was made.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("requests", models.PositiveBigIntegerField(default=0)),
                (
                    "refused",
                    models.PositiveBigIntegerField(default=0, help_text="Beyond the limit, of those requests."),
                ),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="usage", to="partners.apikey"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "usage",
                "ordering": ["-day", "key_id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "day"),
                        name="usage_once_a_day",
                        violation_error_message="This day is counted already.",
                    ),
                ],
            },
        ),
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
