"""Nightly files: whole and of one revision, the same in every form, and never replaced by half of something."""

import csv
import datetime
import hashlib
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from companies.models import Company
from directory import nightly, snapshot
from directory.api.exports import running
from directory.models import Source, kinds
from directory.nightly import KEPT, make_night, manifests
from directory.publishing import edit
from directory.sqlite import tables_of
from tests import factories as make
from tests.test_formats import DANGEROUS, hang_up

pytestmark = pytest.mark.django_db

MOMENT = datetime.datetime(2026, 11, 2, 22, tzinfo=datetime.UTC)
GUIDE = (settings.BASE_DIR / "docs" / "partners.md").read_text()
COLLECTIONS = [model.collection for model in kinds().values()]


@pytest.fixture(scope="module")
def folder(shared_rows: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a night was made of all kinds, of companies with nothing but a name and one with everything."""
    before, settings.FILES_DIR = settings.FILES_DIR, tmp_path_factory.mktemp("nights")
    company = make.make_company(
        "Systems | Labs",
        hub=make.make_hub("Nowhere else", aliases=["=1+1", "a|b"]),
        description='Two lines\nand "quotes"; سسٹمز',
        export_markets=["US", "GB"],
        employees_min=500,
        women_led=True,
        verified_on=datetime.date(2026, 3, 31),
        specialties=[make.make_specialty("Things"), make.make_specialty("Others")],
        industries=[make.make_industry()],
        programs=[make.make_program()],
        aliases=["سسٹمز", "=1+1"],
    )
    make.make_office(company, hub=make.make_hub("Somewhere"))
    make.make_office(company, hub=make.make_hub("Anywhere"))
    make.make_credential(company, valid_from=datetime.date(2025, 1, 1))
    make.make_source(company, facts=["name", "hub"])
    make.make_indicator(value="-5.5")
    make.make_view()
    for number in range(4):
        make.make_company(f"Company {number}", hub=None, website="")
    with pytest.MonkeyPatch.context() as patch:
        for module in (nightly, snapshot):
            patch.setattr(module, "CHUNK", 2)
        manifest = make_night(MOMENT)
    yield settings.FILES_DIR / manifest["night"]
    settings.FILES_DIR = before


@pytest.fixture
def nights(tmp_path: Path, settings: Settings) -> Path:
    """A folder of nights, in which there is none yet."""
    settings.FILES_DIR = tmp_path / "nights"
    return tmp_path / "nights"


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((folder / "manifest.json").read_bytes())
    return found


def documents(folder: Path, collection: str) -> list[dict[str, Any]]:
    """Those of the NDJSON file, whose last line counts them."""
    *found, last = map(orjson.loads, (folder / f"{collection}.ndjson").read_bytes().splitlines())
    assert last == {"rows": len(found), "revision": manifest_of(folder)["revision"]}
    return found


def assert_whole(folder: Path) -> None:
    """All files that the manifest names are there, byte for byte, and no others."""
    files = manifest_of(folder)["files"]
    assert {file["name"] for file in files} | {"manifest.json"} == {path.name for path in folder.iterdir()}
    for file in files:
        content = (folder / file["name"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file["sha256"], file["bytes"])


# What is in them


def test_the_manifest_is_true_and_counts_what_the_digests_are_of(api: Client, folder: Path) -> None:
    assert_whole(folder)
    manifest = manifest_of(folder)
    digest = api.get("/api/v1/digest/").json()
    assert (manifest["revision"], manifest["epoch"]) == (digest["revision"], digest["epoch"])
    assert manifest["license"] == settings.LICENSE
    rows = {file["name"]: file["rows"] for file in manifest["files"]}
    assert rows.pop("directory.sqlite") == digest["rows"]
    for kind, model in kinds().items():
        count = api.get(f"/api/v1/digest/?kind={kind}").json()["rows"]
        for form in ("ndjson", "csv", "parquet"):
            assert rows.pop(f"{model.collection}.{form}") == count
    assert not rows
    assert api.get(manifest["next"]).json()["results"] == []


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_documents_are_those_that_are_published(folder: Path, collection: str) -> None:
    [model] = [model for model in kinds().values() if model.collection == collection]
    lines = (folder / f"{collection}.ndjson").read_text().splitlines()[:-1]
    assert lines == list(model._default_manager.published().order_by("pk").values_list("document", flat=True))


def as_in_json(value: Any) -> Any:
    """What DuckDB reads, as a document has it."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: as_in_json(part) for name, part in value.items()}
    return [as_in_json(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_parquet_says_the_same_row_for_row(folder: Path, collection: str) -> None:
    path = str(folder / f"{collection}.parquet")
    read = duckdb.execute("SELECT * FROM read_parquet(?)", [path])
    names = [column[0] for column in read.description]
    rows = [{name: as_in_json(value) for name, value in zip(names, row, strict=True)} for row in read.fetchall()]
    assert rows == documents(folder, collection)
    told = dict(duckdb.execute("SELECT key, value FROM parquet_kv_metadata(?)", [path]).fetchall())
    assert told[b"revision"] == str(manifest_of(folder)["revision"]).encode()


def test_parquet_has_types(folder: Path) -> None:
    path = str(folder / "companies.parquet")
    types = {row[0]: row[1] for row in duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()}
    assert types["founded_year"] == "BIGINT"
    assert types["women_led"] == "BOOLEAN"
    assert types["verified_on"] == "DATE"
    assert types["updated_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["hub"] == 'STRUCT(slug VARCHAR, "name" VARCHAR)'
    assert types["aliases"] == "VARCHAR[]"


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_csv_is_the_export_of_the_whole_list(api: Client, folder: Path, collection: str) -> None:
    """Which tests/test_formats.py reads back, cell by cell."""
    rows = list(csv.reader((folder / f"{collection}.csv").read_text(encoding="utf-8").splitlines(keepends=True)))
    response = api.get(f"/api/v1/{collection}/?format=csv")
    exported = list(csv.reader(content(response).decode().splitlines(keepends=True)))
    assert rows[0] == exported[0]
    assert sorted(rows) == sorted(exported)
    assert [row[0] for row in rows[1:]] == [document["id"] for document in documents(folder, collection)]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_database_says_the_same_row_for_row(folder: Path, collection: str) -> None:
    """Each column and each list's table, put together again."""
    [model] = [model for model in kinds().values() if model.collection == collection]
    found = documents(folder, collection)
    by_id = {document["id"]: document for document in found}
    with closing(sqlite3.connect(folder / "directory.sqlite")) as database:
        rows = database.execute(f"SELECT * FROM {collection}").fetchall()
        assert [orjson.loads(row[-1]) for row in rows] == found
        [own, *lists] = tables_of(model)
        for row, document in zip(rows, found, strict=True):
            assert list(row[:-1]) == [flat(document, column.path) for column in own.columns]
        for table in lists:
            expected = [
                (document["id"], position, *(flat(item, column.path) for column in table.columns))
                for document in by_id.values()
                for position, item in enumerate(document[table.field])
            ]
            assert sorted(database.execute(f"SELECT * FROM {table.name}")) == sorted(expected)


def flat(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value and value[step]
    return orjson.dumps(value).decode() if isinstance(value, list) else value


def test_the_database_is_made_to_be_joined(folder: Path) -> None:
    [guide] = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
    with closing(sqlite3.connect(folder / "directory.sqlite")) as database:
        asked = guide.replace("artificial-intelligence", "things").replace("lahore", "nowhere-else")
        assert database.execute(asked).fetchall() == [("Systems | Labs", "https://systems-labs.example/")]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        about = dict(database.execute("SELECT name, value FROM about"))
        assert about["revision"] == str(manifest_of(folder)["revision"])
        question = """
            SELECT hubs.name, count(*) FROM companies
            JOIN companies_specialties ON companies_specialties.company_id = companies.id
            JOIN specialties ON specialties.slug = companies_specialties.specialty_slug
            JOIN hubs ON hubs.slug = companies.hub_slug WHERE specialties.slug = 'things' GROUP BY hubs.name
        """
        assert database.execute(question).fetchall() == [("Nowhere else", 1)]
        plan = " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {question}"))
        assert "SCAN" not in plan
        assert "companies_specialties_by_specialty_slug" in plan


@pytest.mark.security(22)
def test_no_cell_of_a_file_is_a_formula(nights: Path) -> None:
    for text in DANGEROUS:
        make.make_company(text.strip(), slug=f"n{len(text)}-{ord(text[0])}-{ord(text[-1])}", description=text)
    make_night(MOMENT)
    with next(nights.glob("2*/companies.csv")).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["description"]]
    assert len(rows) >= len(DANGEROUS)
    for row in rows:
        assert not [cell for cell in row.values() if cell.startswith(tuple("=+-@\t\r\n＝"))]


# How they are made


def test_what_is_published_meanwhile_is_in_none_of_them(nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company = make.make_company("Airlift")
    copied = nightly.copy_documents

    def copy_then_edit(folder: Path) -> Any:
        found = copied(folder)
        edit(Company.objects.get(pk=company.pk), {"name": "Edited meanwhile"}, source=Source.SYSTEM)
        return found

    monkeypatch.setattr(nightly, "copy_documents", copy_then_edit)
    folder = nights / make_night(MOMENT)["night"]
    assert b"meanwhile" not in b"".join(path.read_bytes() for path in folder.iterdir())
    path = str(folder / "companies.parquet")
    names = duckdb.execute("SELECT name FROM read_parquet(?)", [path]).fetchall()
    assert ("Airlift",) in names
    assert ("Edited meanwhile",) not in names


# What a process does that dies while it makes a night: its documents are those of the night before.
DYING = """
import datetime, os, shutil, signal, sys
from pathlib import Path
import django
from django.conf import settings
django.setup()
from directory import nightly, parquet, sqlite
from directory.snapshot import Head

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

def copy_documents(folder):
    manifest = next(nightly.manifests())
    for path in (settings.FILES_DIR / manifest["night"]).glob("*.ndjson"):
        shutil.copy(path, folder)
    rows = {file["name"]: file["rows"] for file in manifest["files"]}
    counts = {kind: rows[f"{model.collection}.ndjson"] for kind, model in nightly.kinds().items()}
    return Head(manifest["revision"], manifest["epoch"], 1, counts), counts

settings.FILES_DIR = Path(sys.argv[1])
nightly.copy_documents = copy_documents
setattr({"parquet": parquet, "sqlite": sqlite, "path": Path}[sys.argv[2]], sys.argv[3], die)
nightly.make_night(datetime.datetime(2026, 11, 3, 22, tzinfo=datetime.UTC))
"""


@pytest.mark.parametrize("point", ["parquet write", "sqlite finish", "path rename"])
def test_who_is_killed_half_way_leaves_the_night_before(nights: Path, point: str) -> None:
    make.make_company("Airlift")
    made = make_night(MOMENT)
    ended = subprocess.run(
        [sys.executable, "-c", DYING, str(nights), *point.split()],
        cwd=settings.BASE_DIR,
        env={"DJANGO_SETTINGS_MODULE": "directory.settings", "DATA_DIR": str(nights / ".." / "data")},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert list(nights.glob(".draft-*"))
    assert list(manifests()) == [made]
    assert_whole(nights / made["night"])
    again = make_night(MOMENT + datetime.timedelta(days=2))
    assert list(manifests()) == [again, made]
    assert_whole(nights / again["night"])
    assert not list(nights.glob(".draft-*"))


def test_nights_are_kept_for_a_while(nights: Path) -> None:
    made = [make_night(MOMENT + datetime.timedelta(days=day))["night"] for day in range(KEPT + 2)]
    assert [manifest["night"] for manifest in manifests()] == made[:1:-1]
    assert sorted(path.name for path in nights.iterdir()) == [".lock", *made[2:]]


def test_the_command_writes_them_for_the_site_that_is_published(
    nights: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    make.make_company("Airlift")
    call_command("write_files")
    [manifest] = manifests()
    assert f"22 files of revision {manifest['revision']}" in capsys.readouterr().out
    settings.SITE_URL = "https://elsewhere.example"
    with pytest.raises(CommandError, match="SITE_URL"):
        call_command("write_files")


# How they are served


def path_of(manifest: dict[str, Any], name: str) -> str:
    [url] = [file["url"] for file in manifest["files"] if file["name"] == name]
    return urlsplit(url).path


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.usefixtures("folder")
def test_the_api_lists_them(api: Client) -> None:
    response = api.get("/api/v1/files/")
    [manifest] = response.json()["results"]
    assert manifest == next(manifests())
    assert "s-maxage=60" in response["Cache-Control"]
    assert api.get("/api/v1/files/", headers={"if-none-match": response["ETag"]}).status_code == 304


def test_a_night_that_was_made_is_listed_at_once(api: Client, nights: Path) -> None:
    make.make_company("Airlift")
    assert api.get("/api/v1/files/").json()["results"] == []
    answer = api.get("/files/latest/companies.csv")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json; charset=utf-8")
    assert "`manage.py write_files`" in answer.json()["detail"]
    make_night(MOMENT)
    assert len(api.get("/api/v1/files/").json()["results"]) == 1


@pytest.mark.usefixtures("folder", "one_connection")
def test_a_file_is_sent_as_the_manifest_says(api: Client) -> None:
    manifest = next(manifests())
    for file in manifest["files"]:
        response: Any = api.get(urlsplit(file["url"]).path)
        assert hashlib.sha256(content(response)).hexdigest() == file["sha256"]
        assert response["Content-Type"] == file["media_type"]
        assert response["Content-Length"] == str(file["bytes"])
        assert response["ETag"] == f'"{file["sha256"]}"'
        assert response["Cache-Control"] == "public, max-age=86400, immutable"
        assert response["Access-Control-Allow-Origin"] == "*"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert 'rel="license"' in response["Link"]
        assert not response.cookies
    path = path_of(manifest, "companies.csv")
    assert api.get(path, headers={"if-none-match": api.head(path)["ETag"]}).status_code == 304
    assert api.head(path)["Content-Length"] == str((settings.FILES_DIR / path.removeprefix("/files/")).stat().st_size)


@pytest.mark.usefixtures("folder", "one_connection")
@pytest.mark.parametrize(
    ("asked", "status"), [("bytes=10-19", 206), ("bytes=-10", 206), ("bytes=3-3", 206), ("bytes=999999999-", 416)]
)
def test_a_part_of_a_file(api: Client, folder: Path, asked: str, status: int) -> None:
    path = path_of(manifest_of(folder), "directory.sqlite")
    whole = (folder / "directory.sqlite").read_bytes()
    response: Any = api.get(path, headers={"range": asked})
    assert response.status_code == status
    expected = {"bytes=10-19": whole[10:20], "bytes=-10": whole[-10:], "bytes=3-3": whole[3:4]}.get(asked, b"")
    assert content(response) == expected
    if expected:
        assert response["Content-Range"].endswith(f"/{len(whole)}")


@pytest.mark.usefixtures("folder", "one_connection")
def test_latest_leads_to_the_newest_night(api: Client) -> None:
    response = api.get("/files/latest/companies.csv")
    assert (response.status_code, response["Location"]) == (
        302,
        f"{settings.SITE_URL}{path_of(next(manifests()), 'companies.csv')}",
    )
    assert "max-age=0" in response["Cache-Control"]
    manifest: Any = api.get("/files/latest/manifest.json", follow=True)
    assert orjson.loads(content(manifest)) == next(manifests())


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", [".lock", "..", "%2e%2e%2fmanifest.json", "secret_key", "companies.xml"])
def test_nothing_else_of_the_disk_is_served(api: Client, folder: Path, name: str) -> None:
    for night in (folder.name, "latest", "20200101T000000Z", f".draft-{folder.name}", "..", "nobody"):
        assert api.get(f"/files/{night}/{name}").status_code == 404
    assert api.post(f"/files/{folder.name}/companies.csv").status_code == 405


@pytest.mark.usefixtures("folder", "one_connection")
@pytest.mark.security(18)
def test_slow_readers_leave_threads_to_others(api: Client) -> None:
    path = path_of(next(manifests()), "companies.csv")
    open_ones: list[Any] = []
    while (response := api.get(path)).status_code == 200:
        open_ones.append(response)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    for one in open_ones:
        hang_up(one)
    assert len(open_ones) == max(1, settings.WEB_THREADS // 2)
    for _ in range(2):
        assert content(api.get(path))
        assert api.head(path).status_code == 200
    assert running._value == len(open_ones)
