from django.db import migrations

from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("companies", "0001_initial"),
        ("hubs", "0001_initial"),
        ("directory", "0002_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("axes", "0001_initial"),
        ("mfa", "0001_initial"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
