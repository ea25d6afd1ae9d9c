from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("directory", "0003_feed"), ("directory", "0003_lists")]

    operations: list[migrations.operations.base.Operation] = []
