from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from directory.postgres.server import Server


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL engine on the embedded server, which runs once somebody wants to connect."""

    def get_connection_params(self) -> dict[str, Any]:
        self.settings_dict["HOST"] = str(Server.at(settings.DATA_DIR / "postgres").join())
        return super().get_connection_params()
