"""A client that somebody's generator makes of the schema: typed, and right at the first call."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.core.wsgi import get_wsgi_application

from directory.api.schema import openapi_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter_directory", "one_connection")]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package; a warning of the generator is an error."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_bytes(openapi_json())
    # The snapshot is nothing but NDJSON, which the generator has to be told is text.
    config = "post_hooks: []\ncontent_type_overrides:\n  application/x-ndjson: text/plain\n"
    (folder / "config.yml").write_text(config)
    command = ["generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "openapi_python_client",
            *command,
            "--output-path",
            "their_client",
            "--fail-on-warning",
        ],
        cwd=folder,
        check=True,
    )
    sys.path.insert(0, str(folder))
    yield "their_client"
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("their_client")]:
        del sys.modules[name]


@pytest.fixture
def client(package: str) -> Any:
    transport = httpx.WSGITransport(app=get_wsgi_application())
    made: Any = importlib.import_module(package).Client(
        "http://127.0.0.1", raise_on_unexpected_status=True, httpx_args={"transport": transport}
    )
    return made


def call(package: str, endpoint: str, client: Any, *args: str, **query: Any) -> Any:
    module: Any = importlib.import_module(f"{package}.api.{endpoint}")
    return module.sync(*args, client=client, **query)


def test_it_lists_companies_and_follows_a_reference(package: str, client: Any) -> None:
    models: Any = importlib.import_module(f"{package}.models")
    found = call(package, "companies.companies_list", client, hub=["lahore"], founded_year_gte=2010, page_size=5)
    assert isinstance(found, models.CompanyList)
    assert len(found.results) == 5
    for company in found.results:
        assert isinstance(company, models.Company)
        assert company.founded_year >= 2010
        assert company.hub.slug == "lahore"
        assert company.updated_at.tzinfo
    hub = call(package, "hubs.hubs_retrieve", client, found.results[0].hub.slug)
    assert isinstance(hub, models.Hub)
    assert hub.province.value == "PK-PB"


def test_a_chosen_part_of_a_document_is_one(package: str, client: Any) -> None:
    models: Any = importlib.import_module(f"{package}.models")
    company = call(package, "companies.companies_retrieve", client, "devsinc", fields="name,hub(name)")
    assert isinstance(company, models.CompanyShape)
    assert company.to_dict() == {"name": "Devsinc", "hub": {"name": "Lahore"}}


def test_a_problem_is_typed_too(package: str, client: Any) -> None:
    problem = call(package, "companies.companies_list", client, hub=["lahor"])
    assert problem.code.value == "invalid_query"
    assert problem.errors[0].did_you_mean == ["lahore"]
