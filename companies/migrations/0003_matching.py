import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

# What companies are fetched by that may be one: of each name without its legal form "=" and all of it run together;
# "~" and its stem, that is without the words of a trade or a place at its end; and "<" and ">" with the first half of
# the stem and what follows the first letter of the second, each with its length, one of which a slip leaves intact.
# Those of the index have a spread of 0, those that are looked for one of 1. ANALYZE leaves it no search_path but its own.
KEYS = r"""
CREATE FUNCTION company_match_keys(name text, legal_name text, aliases text[], spread integer) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    legal CONSTANT text[] := '{and,gmbh,inc,limited,llc,llp,ltd,plc,private,pvt,smc}';
    tail CONSTANT text[] := '{a,advertising,agencies,agency,app,application,applications,apps,at,best,bpo,brand,by,co,'
        'companies,company,corp,corporation,crm,custom,design,designer,designers,designing,develop,developer,developers,'
        'development,developments,digital,domain,ecommerce,erp,firm,firms,for,game,games,global,graphic,graphics,group,'
        'hosting,house,houses,in,institute,international,it,lab,labs,leading,marketing,media,mobile,of,outsourcing,pk,pos,'
        'professional,seo,service,services,social,soft,software,softwares,solution,solutions,studio,studios,system,'
        'systems,tech,techno,technologies,technology,techs,the,top,training,web,website,websites,'
        'abbottabad,bahawalpur,balochistan,faisalabad,gilgit,gujranwala,gujrat,hyderabad,islamabad,karachi,kpk,lahore,'
        'mardan,mingora,multan,muzaffarabad,pakistan,peshawar,punjab,quetta,rawalpindi,sargodha,sialkot,sindh,sukkur,'
        'swabi}';
    texts text[] := ARRAY[name, legal_name] || aliases;
    keys text[] := '{}';
    value text; words text[]; word text; whole text; stem text;
BEGIN
    FOREACH value IN ARRAY texts LOOP
        texts := texts || coalesce(substring(value, '^.+?(?=[|(:,/]| -|- |–|—)'), '');
    END LOOP;
    FOREACH value IN ARRAY texts LOOP
        words := string_to_array(directory_words(translate(value, '®™©', '')), ' ');
        whole := '';
        stem := '';
        FOREACH word IN ARRAY words LOOP
            CONTINUE WHEN word = ANY (legal) OR (word = 'the' AND whole = '');
            whole := whole || word;
            IF stem = '' OR word <> ALL (tail) THEN
                stem := whole;
            END IF;
        END LOOP;
        IF whole = '' THEN
            whole := array_to_string(words, '');
        END IF;
        CONTINUE WHEN whole = '' OR '=' || whole = ANY (keys);
        keys := keys || ('=' || whole) || ('~' || stem);
        FOR n IN length(stem) - spread .. length(stem) + spread LOOP
            CONTINUE WHEN n < 6 - spread;
            keys := keys || ('<' || n || ':' || left(stem, n / 2)) || ('>' || n || ':' || right(stem, n - n / 2 - 1));
        END LOOP;
    END LOOP;
    RETURN keys;
END
$$
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
