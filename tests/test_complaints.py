"""What users of other directories complain about: each has tests here that are marked with its number."""

import ast

from django.conf import settings

COMPLAINTS = {
    1: "A mistyped filter is ignored and all rows come back",
    2: "Cursors over ties or missing values drop or repeat rows",
    3: "Numbered pages over ties repeat rows",
    4: "Counting dominates each page",
    5: "Results end at row 1,000 or 10,000, or a next link fails",
    6: "Some page sizes return nothing",
    7: "The page size is silently reduced",
    8: "What commits late is missed by who asks what changed since",
    9: "Copies mix moments",
    10: "Tombstones leak personal data",
    11: "The small collections have no changes feed",
    12: "A second call is needed for each related name",
    13: "Lists slow down with each relation",
    14: "Filters by many related objects repeat rows, or answer OR where AND was meant",
    15: "Choosing a facet's value zeroes its siblings",
    16: "The schema of filters is wrong",
    17: "No conditional requests on lists; compression breaks ETags",
    18: "Limits that nobody sees until they are hit",
    19: "Errors in several shapes, or in HTML",
    20: "A bad value is a server's error, or an error has status 200",
    21: "Webhooks fire on failed saves, twice, out of order, with no replay",
    22: "A renamed slug breaks links",
    23: "Forms load thousands of options",
    24: "Of two who edit, the last one wins and nobody is told",
    25: "Imports take minutes, show nothing first, and cannot be undone",
    26: "Wrong matches instead of none: “D & G” finds “D”",
    27: "A search that cannot use its index",
    28: "Our outage takes the consumer's page down",
}


def marked(kind: str) -> set[int]:
    """The numbers that tests, or whole files of them, are marked with, read from their source."""
    return {
        ast.literal_eval(number)
        for path in (settings.BASE_DIR / "tests").glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        for mark in marks(node)
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{kind}"
        for number in mark.args
    }


def marks(node: ast.stmt) -> list[ast.expr]:
    """What marks a test, or all of a file by ``pytestmark``; nothing of other statements."""
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
        return node.decorator_list
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
        return node.value.elts if isinstance(node.value, ast.List) else [node.value]
    return []


def test_each_complaint_has_its_tests() -> None:
    assert marked("complaint") == set(COMPLAINTS)
