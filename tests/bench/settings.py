"""The project's settings with more addresses: what the lists are compared with."""

from directory.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
