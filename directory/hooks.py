"""Gunicorn's configuration: what it calls in each of its processes. It is read before Django is there to import."""

import gc
import threading
from importlib import import_module
from typing import Any

PAUSE = 1  # seconds: what is made ready does not compete with the first answer for the processor


def when_ready(_server: Any) -> None:
    """What there is now stays: the collector would go through it again and again, and so copy it to each worker."""
    gc.collect()
    gc.freeze()


def post_worker_init(_worker: Any) -> None:
    timer = threading.Timer(PAUSE, lambda: import_module("directory.warming").keep_warm())
    timer.daemon = True
    timer.start()
