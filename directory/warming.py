"""Warming: what each web process makes ready before somebody asks for it.

At a million companies the bitmaps take seconds, once in a process. They are made after the fork, beside the requests,
and by a connection of their own that is closed again.
"""

import logging
from importlib import import_module

from django.conf import settings
from django.db import DatabaseError, connection

from directory.api.facets import FacetSet

logger = logging.getLogger(__name__)


def warm() -> None:
    """Make the bitmaps of all collections that have none yet; where that fails, the request that needs them does."""
    import_module(settings.ROOT_URLCONF)  # and with it the views, which declare what there is to count
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # nobody waits for it
        for facets in FacetSet.known:
            facets.index.at(0)
    except DatabaseError as error:
        logger.warning("The bitmaps could not be made ready: %s", " ".join(str(error).split()))
    finally:
        connection.close()
