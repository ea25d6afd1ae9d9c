import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

# What companies are fetched by that may be one: of each name without its legal form "=" and all of it run together;
# "~" and its stem, that is without the words of a trade or a place at its end; and "<" and ">" with the first half of
# the stem and what follows the first letter of the second, each with its length, one of which a slip leaves intact.
# Those of the index have a spread of 0, those that are looked for one of 1.
KEYS = r"""
CREATE FUNCTION company_match_keys(name text, legal_name text, aliases text[], spread integer) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT DISTINCT key
    FROM unnest(ARRAY[name, legal_name] || aliases) AS known (value)
    CROSS JOIN LATERAL (SELECT value AS part UNION SELECT substring(value, '^(.+?)(?: - |[|(:])')) AS parts
    CROSS JOIN LATERAL (SELECT directory_words(part) AS words) AS folded
    CROSS JOIN LATERAL (
        SELECT btrim(regexp_replace(
            words, '(^the(?= .))|\y(pvt|private|ltd|limited|smc|llc|l l c|llp|inc|plc|gmbh|and)\y', '', 'g'
        )) AS said
    ) AS cores
    CROSS JOIN LATERAL (SELECT coalesce(nullif(said, ''), words) AS core) AS kept
    CROSS JOIN LATERAL (
        SELECT replace(core, ' ', '') AS text, replace(regexp_replace(
            core,
            '(?<=.)( +(a|agency|agencies|app|apps|application|applications|at|best|bpo|brand|by|co|companies|company|corp'
            || '|corporation|custom|design|designer|designers|designing|develop|developer|developers|development'
            || '|developments|digital|domain|ecommerce|erp|firm|firms|for|game|games|global|graphic|graphics|group|hosting'
            || '|house|houses|in|institute|international|it|lab|labs|leading|marketing|media|mobile|of|outsourcing'
            || '|advertising|crm|pk|pos|professional|seo|service|services|social|soft|software|softwares|solution|solutions'
            || '|studio|studios|system|systems|tech|techno|technologies|technology|techs|the|top|training|web|website'
            || '|websites|abbottabad|bahawalpur|balochistan|faisalabad|gilgit|gujranwala|gujrat|hyderabad|islamabad'
            || '|karachi|kpk|lahore|mardan|mingora|multan|muzaffarabad|pakistan|peshawar|punjab|quetta|rawalpindi'
            || '|sargodha|sialkot|sindh|sukkur|swabi))+ *$',
            ''
        ), ' ', '') AS stem
    ) AS texts
    CROSS JOIN LATERAL (
        SELECT '=' || text AS key UNION ALL SELECT '~' || stem
        UNION ALL
        SELECT unnest(ARRAY[
            '<' || n || ':' || left(stem, n / 2), '>' || n || ':' || right(stem, n - n / 2 - 1)
        ])
        FROM generate_series(length(stem) - spread, length(stem) + spread) AS n
        WHERE length(stem) >= 6 - spread AND n >= 5
    ) AS keys
    WHERE core <> ''
)
"""


class Migration(migrations.Migration):
    dependencies = [("companies", "0002_roles")]

    operations = [
        migrations.RunSQL(KEYS, "DROP FUNCTION company_match_keys(text, text, text[], integer)"),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(
                fields=["domain"],
                name="company_domain",
                opclasses=["varchar_pattern_ops"],
                condition=models.Q(("domain", ""), _negated=True),
            ),
        ),
        migrations.AddIndex(
            model_name="company",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func(
                    models.F("name"),
                    models.F("legal_name"),
                    models.F("aliases"),
                    models.Value(0),
                    function="company_match_keys",
                    output_field=django.contrib.postgres.fields.ArrayField(models.TextField()),
                ),
                name="company_match_keys",
            ),
        ),
    ]
