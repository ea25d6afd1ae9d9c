import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "directory.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

# Only processes that answer requests keep their connections and give up on long queries.
for database in connections.settings.values():
    database["CONN_MAX_AGE"] = None
    database["OPTIONS"]["application_name"] = "directory web"
    database["OPTIONS"]["options"] += f" -c statement_timeout={settings.WEB_STATEMENT_TIMEOUT}"
