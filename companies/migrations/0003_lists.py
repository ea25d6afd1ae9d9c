from django.db import migrations

from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("companies", "0002_roles"), ("directory", "0003_lists")]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
