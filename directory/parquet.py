"""Documents as Parquet: a column for each field, typed and nested as documents are, written some rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, list_array, struct_array
from arro3.core import Schema as Columns
from arro3.io import write_parquet

from directory.api.documents import plain_schema
from directory.api.operations import Schema
from directory.models import Published

# Rows that are compressed together: a reader skips the groups that its filter rules out, and we hold one in memory.
GROUP = 10_000
SIMPLE = {"string": DataType.utf8(), "integer": DataType.int64(), "number": DataType.float64()}
SIMPLE |= {"boolean": DataType.bool()}
# What is written as text in JSON, and has a type of its own here.
WRITTEN = {"date": DataType.date32(), "date-time": DataType.timestamp("us", tz="UTC")}


def write(path: Path, model: type[Published], chunks: Iterable[list[str]], metadata: Mapping[str, str]) -> None:
    """Write the documents of a kind, given as JSON texts, and what holds for all of them."""
    known = plain_schema(model)["properties"]
    columns = Columns([Field(name, data_type(schema)) for name, schema in known.items()])
    rows = RecordBatchReader.from_batches(columns, batches(columns, known, chunks))
    write_parquet(rows, path, compression="zstd(3)", max_row_group_size=GROUP, key_value_metadata=dict(metadata))


def batches(columns: Columns, known: Mapping[str, Schema], chunks: Iterable[list[str]]) -> Iterator[RecordBatch]:
    for texts in chunks:
        rows = [orjson.loads(text) for text in texts]
        arrays = [array(schema, [row.get(name) for row in rows]) for name, schema in known.items()]
        yield RecordBatch.from_arrays(arrays, schema=columns)


def data_type(schema: Schema) -> DataType:
    """The type of a column, of ``plain_schema``'s part."""
    if schema["type"] == "object":
        return DataType.struct(fields(schema))
    if schema["type"] == "array":
        return DataType.list(Field("item", data_type(schema["items"])))
    return WRITTEN.get(schema.get("format", ""), SIMPLE[schema["type"]])


def fields(schema: Schema) -> list[Field]:
    return [Field(name, data_type(part)) for name, part in schema["properties"].items()]


def array(schema: Schema, values: list[Any]) -> Array:
    """The values of a column, None where one is missing."""
    if schema["type"] == "object":
        parts = [
            array(part, [value and value[name] for value in values]) for name, part in schema["properties"].items()
        ]
        return struct_array(parts, fields=fields(schema), mask=missing(values))
    if schema["type"] == "array":
        starts = Array([0, *accumulate(len(value or ()) for value in values)], type=DataType.int32())
        items = array(schema["items"], [item for value in values for item in value or ()])
        return list_array(starts, items, type=data_type(schema))
    plain = Array(values, type=SIMPLE[schema["type"]])
    return plain.cast(data_type(schema)) if "format" in schema else plain


def missing(values: list[Any]) -> Array:
    return Array([value is None for value in values], type=DataType.bool())
