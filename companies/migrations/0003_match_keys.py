"""The keys that an index holds of each company, worked out in half the time: the same keys, so it is not built anew.

A text that comes twice, as a name does in the legal name, is read once, and one of ASCII letters and digits needs no
folding.
"""

from django.db import migrations

KEYS = r"""
CREATE OR REPLACE FUNCTION company_match_keys(name text, legal_name text, aliases text[], spread integer) RETURNS text[]
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
    keys text[] := '{}'; seen text[] := '{}';
    value text; words text[]; word text; whole text; stem text;
BEGIN
    FOREACH value IN ARRAY texts LOOP
        IF value ~ '[|(:,/–—-]' THEN
            texts := texts || coalesce(btrim(substring(value, '^.+?(?=[|(:,/]| -|- |–|—)')), '');
        END IF;
    END LOOP;
    FOREACH value IN ARRAY texts LOOP
        CONTINUE WHEN value = ANY (seen);
        seen := seen || value;
        words := string_to_array(CASE
            WHEN value ~ '^[A-Za-z0-9]+( [A-Za-z0-9]+)*$' THEN lower(value COLLATE "C")
            ELSE directory_words(translate(value, '®™©', ''))
        END, ' ');
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

    operations = [migrations.RunSQL(KEYS, migrations.RunSQL.noop)]
