"""How the database finds what a request asks for."""

from typing import Any

from django.db import connection
from django.test import Client


def plans(api: Client, url: str) -> list[str]:
    """The plan, as text, of each statement that the answer to ``url`` is really made with."""
    statements: list[Any] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert api.get(url).status_code == 200
    explained = []
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(f"EXPLAIN {sql}", params)
            explained.append("\n".join(row[0] for row in cursor.fetchall()))
    return explained
