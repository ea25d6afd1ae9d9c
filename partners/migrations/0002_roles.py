from django.db import migrations

from companies.roles import give_roles


def give(apps, schema_editor):
    give_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial"), ("companies", "0002_roles")]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
