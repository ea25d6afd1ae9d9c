"""What the tables stand on: PostgreSQL's extensions, and the form in which text is compared."""

from django.contrib.postgres.operations import BtreeGinExtension, TrigramExtension, UnaccentExtension
from django.db import migrations

# Immutable, so that generated columns and indexes may use it: the dictionary is named in full, and under the "C"
# collation the answer does not depend on the database's locale.
FOLD = """
CREATE FUNCTION directory_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(public.unaccent('public.unaccent'::regdictionary, normalize(value, NFKC)) COLLATE "C")
"""


class Migration(migrations.Migration):
    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        BtreeGinExtension(),
        migrations.RunSQL(FOLD, "DROP FUNCTION directory_fold(text)"),
    ]
