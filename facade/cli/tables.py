"""Convert the data of an answer to tables, in which every value has a cell.

- Nested objects become columns, named by their path.
- A list of objects becomes rows, beside the columns of its parent. If an object has several lists, each is a table,
  with the columns that name the parent, and the parent is a table too.
- `times` and `values` of one length become one row a point; a list of `name` and `value` pairs becomes columns.
- Any other list is one cell. So is a JSON scalar, which is only in its object's own table.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
Row = dict[Path, Any]
# The selection below each response name; None for a leaf.
Selection = Mapping[str, "Selection | None"]

# Fields that identify an object. They are repeated beside the rows of its lists if it has several.
NAMING = ("id", "name", "mac_address", "serialNumber")


@dataclass(slots=True)
class Table:
    """A table. `path` is that of the innermost list of its rows. Columns are named by their full paths."""

    path: Path
    columns: list[Path]
    rows: list[Row]

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def header(self) -> list[str]:
        """Return the names of the columns without a common prefix, which is at most the path and never a whole name."""
        ends = [*map(len, self.columns), len(self.path) + 1]
        common = 0
        while common < min(ends) - 1 and len({column[common] for column in self.columns}) == 1:
            common += 1
        return [".".join(column[common:]) for column in self.columns]

    def cells(self) -> Iterator[list[Any]]:
        """Yield the values of each row in the order of the columns, with None for absent ones."""
        for row in self.rows:
            yield [row.get(column) for column in self.columns]


@dataclass(slots=True)
class _Shape:
    """The shape of the objects at one path."""

    # By field: the shape of an object, or None for a cell.
    fields: "dict[str, _Shape | None]" = field(default_factory=dict)
    lists: "dict[str, _Shape]" = field(default_factory=dict)
    # The cells with JSON, which is too long to be repeated beside each row of a list.
    json: set[str] = field(default_factory=set)
    # Whether `times` and `values` are columns of points.
    points: bool = False
    # Whether the object was written as a list of names and values.
    pairs: bool = False


_POINT = _Shape({"time": None, "value": None})


def tables(data: Mapping[str, Any] | None, selection: Selection | None = None) -> list[Table]:
    """Return the tables of `data`, in its order. Each root field has its own.

    `selection` gives the columns of empty lists, and tells JSON scalars from objects. Without it every map counts as an
    object.
    """
    if data is None:
        return []
    made: list[Table] = []
    for name, value in data.items():
        shape = _shape([{name: value}], {name: selection.get(name)} if selection is not None else None)
        some = _explode(shape, (), [({}, {name: value})], [])
        for table in some:
            table.path = table.path or (name,)
            table.rows = [row for row in table.rows if any(cell is not None for cell in row.values())]
        made += some
    return _leaves_together(made)


def text(cell: Any) -> str:
    """Write a cell for a person or a spreadsheet."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case list() if all(map(_joinable, cell)):
            return ", ".join(map(text, cell))
    return json.dumps(cell, ensure_ascii=False, separators=(", ", ": "))


def _joinable(value: object) -> bool:
    """Return whether a list with this value can be written as its values in a row, without ambiguity."""
    if isinstance(value, str):
        return value != "" and value.strip() == value and not any(char in value for char in ",\n\r[{")
    return isinstance(value, int | float)


def _shape(objects: Sequence[Mapping[str, Any]], selection: Selection | None) -> _Shape:
    shape = _Shape()
    names = dict.fromkeys(name for object_ in objects for name in object_)
    if selection is not None and not objects:
        names = dict.fromkeys(selection)
    for name in names:
        values = [value for object_ in objects if (value := object_.get(name)) is not None]
        below = selection.get(name) if selection is not None else None
        if selection is not None and below is None:
            shape.fields[name] = None
            if any(map(_is_json, values)):
                shape.json.add(name)
            continue
        _place(shape, name, values, below)
    shape.points = _are_points(shape, objects)
    if shape.points:
        del shape.fields["times"], shape.fields["values"]
    return shape


def _place(shape: _Shape, name: str, values: Sequence[Any], selection: Selection | None) -> None:
    """Add the field `name` to `shape`. `values` are all of its values."""
    if values and all(isinstance(value, dict) for value in values):
        shape.fields[name] = _shape(values, selection)
    elif values and all(isinstance(value, list) for value in values) and _of_objects(values, selection):
        if _are_pairs(values):
            names = dict.fromkeys(pair["name"] for value in values for pair in value)
            shape.fields[name] = _Shape(dict.fromkeys(names), pairs=True)
        else:
            elements = [element for value in values for element in value if element is not None]
            shape.lists[name] = _shape(elements, selection)
    elif not values and selection is not None:
        shape.fields[name] = _shape([], selection)
    else:
        shape.fields[name] = None


def _is_json(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _of_objects(values: Sequence[list[Any]], selection: Selection | None) -> bool:
    elements = [element for value in values for element in value if element is not None]
    if not elements:
        return selection is not None
    return all(isinstance(element, dict) for element in elements)


def _are_points(shape: _Shape, objects: Sequence[Mapping[str, Any]]) -> bool:
    cells = {name for name, inner in shape.fields.items() if inner is None}
    if not {"times", "values"} <= cells or {"time", "value"} & {*shape.fields, *shape.lists}:
        return False
    for object_ in objects:
        times, values = object_.get("times"), object_.get("values")
        if times is None and values is None:
            continue
        if not (isinstance(times, list) and isinstance(values, list) and len(times) == len(values)):
            return False
    return True


def _are_pairs(values: Sequence[list[Any]]) -> bool:
    for value in values:
        names = [pair.get("name") for pair in value if pair is not None and pair.keys() == {"name", "value"}]
        if len(names) != len(value) or not all(isinstance(name, str) for name in names):
            return False
        if len(set(names)) != len(names) or any(isinstance(pair["value"], dict | list) for pair in value):
            return False
    return any(values)


def _explode(
    shape: _Shape, path: Path, objects: Sequence[tuple[Row, Mapping[str, Any]]], inherited: list[Path]
) -> list[Table]:
    """Return the tables of objects of one shape, each object with the cells of its parents."""
    columns = [*inherited, *_cells(shape, path)]
    rows = [{**row, **dict(_values(object_, shape, path))} for row, object_ in objects]
    lists = list(_lists(shape, path))
    if not lists:
        return [Table(path, columns, rows)]
    made: list[Table] = []
    json_cells = set(_json_cells(shape, path))
    alone = len(lists) == 1 and not json_cells
    if not alone:
        if columns:
            made.append(Table(path, columns, rows))
        naming = [(*path, name) for name in NAMING if name in shape.fields]
        columns = [*inherited, *naming] if naming else [name for name in columns if name not in json_cells]
    for below, inner in lists:
        elements: list[tuple[Row, Mapping[str, Any]]] = []
        for row, (_, object_) in zip(rows, objects, strict=True):
            kept = row if alone else {column: row[column] for column in columns if column in row}
            found = _elements(object_, inner, below[len(path) :])
            elements += [(kept, element or {}) for element in found]
            if alone and row and not found:
                elements.append((row, {}))
        made += _explode(inner, below, elements, columns)
    return made


def _cells(shape: _Shape, path: Path) -> Iterator[Path]:
    for name, inner in shape.fields.items():
        if inner is None:
            yield (*path, name)
        else:
            yield from _cells(inner, (*path, name))


def _json_cells(shape: _Shape, path: Path) -> Iterator[Path]:
    for name in shape.json:
        yield (*path, name)
    for name, inner in shape.fields.items():
        if inner is not None:
            yield from _json_cells(inner, (*path, name))


def _lists(shape: _Shape, path: Path) -> Iterator[tuple[Path, _Shape]]:
    if shape.points:
        yield path, _POINT
    for name, inner in shape.lists.items():
        yield (*path, name), inner
    for name, below in shape.fields.items():
        if below is not None:
            yield from _lists(below, (*path, name))


def _values(object_: Mapping[str, Any], shape: _Shape, path: Path) -> Iterator[tuple[Path, Any]]:
    for name, inner in shape.fields.items():
        value = object_.get(name)
        if inner is None:
            yield (*path, name), value
        elif value is not None:
            if inner.pairs:
                value = {pair["name"]: pair["value"] for pair in value}
            yield from _values(value, inner, (*path, name))


def _elements(object_: Mapping[str, Any], shape: _Shape, path: Path) -> list[Any]:
    node: Any = object_
    for name in path:
        node = node.get(name)
        if node is None:
            return []
    if shape is _POINT:
        pairs = zip(node.get("times") or (), node.get("values") or (), strict=True)
        return [{"time": time, "value": value} for time, value in pairs]
    return list(node)


def _leaves_together(made: Iterable[Table]) -> list[Table]:
    """Put the leaves at the root (`__typename`) into one table of one row."""
    leaves: Table | None = None
    kept: list[Table] = []
    for table in made:
        if table.columns and all(len(column) == 1 for column in table.columns):
            if leaves is None:
                leaves = Table((), [], [{}])
                kept.append(leaves)
            leaves.columns += table.columns
            for row in table.rows:
                leaves.rows[0].update(row)
        else:
            kept.append(table)
    return kept
