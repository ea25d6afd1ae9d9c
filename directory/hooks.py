"""Gunicorn's configuration: what it calls in each of its processes. It is read before Django is there to import."""

import threading
from importlib import import_module
from typing import Any

PAUSE = 1  # seconds: what is made ready does not compete with the first answer for the processor


def post_worker_init(_worker: Any) -> None:
    timer = threading.Timer(PAUSE, lambda: import_module("directory.warming").keep_warm())
    timer.daemon = True
    timer.start()
