"""The project's settings with nothing but django-ninja's addresses."""

from directory.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.peers.ninja_urls"
MIDDLEWARE = []
