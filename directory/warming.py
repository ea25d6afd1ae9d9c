"""Warming: what each web process makes ready before somebody asks for it.

At a million companies the bitmaps take seconds, once in a process, and so do the orders that many edits
moved. They are read after the fork, beside the requests, and by a connection of their own that is closed again.
"""

import logging
import time
from importlib import import_module

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from directory.api.facets import FacetSet

logger = logging.getLogger(__name__)

PAUSE = 60  # seconds


def keep_warm() -> None:
    """Warm the process again and again, for as long as it lives."""
    while True:
        warm()
        time.sleep(PAUSE)


def warm() -> None:
    """Read all bitmaps that are not there or not fresh; where that fails, requests do without."""
    import_module(settings.ROOT_URLCONF)  # and with it the views, which declare what there is to count
    due = [facets.index for facets in FacetSet.known if not facets.index.is_fresh]
    if not due:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # nobody waits for it
        for index in due:
            index.renew()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The bitmaps could not be made ready: %s", " ".join(str(error).split()))
    finally:
        connection.close()
