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

# The words of a text as they are searched for: folded, apart by single spaces. Apostrophes, vowel signs and joiners
# belong to their word, everything else that is neither letter nor digit stands between two; Arabic keyboards type yeh,
# kaf and heh where Urdu has letters of its own; three names of languages consist of little else than such signs.
# What separates is spelt out, since which characters are letters depends on the database's locale.
WORDS = r"""
CREATE FUNCTION directory_words(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN btrim(regexp_replace(
    regexp_replace(
        replace(replace(
            translate(
                regexp_replace(
                    directory_fold(value) COLLATE "C",
                    '[''`\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u00ad\u2018\u2019\u02bc'
                    || '\u200b-\u200f\u2060\ufeff]+', '', 'g'),
                U&'\064a\0649\0643\0647\06f0\06f1\06f2\06f3\06f4\06f5\06f6\06f7\06f8\06f9'
                || U&'\0660\0661\0662\0663\0664\0665\0666\0667\0668\0669',
                U&'\06cc\06cc\06a9\06c1' || '01234567890123456789'),
            'c++', ' cplusplus '), 'c#', ' csharp '),
        '(^|[^a-z0-9])\.net($|[^a-z0-9])', '\1 dotnet \2', 'g'),
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7'
    || '\u060c\u060d\u061b-\u061f\u066a-\u066d\u06d4\u2010-\u205f\u2061-\u206f\u20a0-\u20cf\u2100-\u2bff\u3000-\u303f'
    || '\ufe00-\ufe0f\ufffd\U0001f000-\U0001faff]+', ' ', 'g'))
"""


class Migration(migrations.Migration):
    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        BtreeGinExtension(),
        migrations.RunSQL(FOLD, "DROP FUNCTION directory_fold(text)"),
        migrations.RunSQL(WORDS, "DROP FUNCTION directory_words(text)"),
    ]
