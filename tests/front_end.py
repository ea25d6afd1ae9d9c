"""The front-end files that come with packages; ``python -m tests.front_end`` lists them in docs/front-end.csv."""

import csv
import hashlib
import io
import os
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

SUFFIXES = (".css", ".html", ".js")
COLUMNS = ["file", "package", "version", "sha256"]


def listed() -> Iterator[list[str]]:
    """A row for each file below /static/ that is not of this project, and that a browser runs or is styled by."""
    from django.contrib.staticfiles.finders import get_finders

    packages = packages_distributions()
    for finder in get_finders():
        for name, storage in finder.list([]):
            path = Path(storage.path(name))
            if path.suffix in SUFFIXES and "site-packages" in path.parts:
                module = next(part.name for part in path.parents if part.parent.name == "site-packages")
                package = packages[module][0]
                yield [name, package, version(package), hashlib.sha256(path.read_bytes()).hexdigest()]


def written() -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *sorted(listed())])
    return text.getvalue()


if __name__ == "__main__":
    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "directory.settings")
    django.setup()
    (settings.BASE_DIR / "docs" / "front-end.csv").write_text(written())
