"""Read an inventory file into `Assets`, and write one from them."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ..graph import Assets
from ..raw_records import Misfit, Raw, read_strictly
from ..records import RECORD_TYPES, Record, filled_from
from . import plain_yaml
from .located import SUFFIXES, InventoryError, LocatedDocument, read_document
from .saved_answers import saved_records

# The list in which the ids of a field are looked up.
_REFERENCES = {
    "site_id": "sites",
    "building_id": "buildings",
    "floor_id": "floors",
    "room_id": "rooms",
    "hive_id": "hives",
    "zone_ids": "zones",
    "tag_ids": "tags",
}


def load_inventory(path: Path) -> Assets:
    """Read an inventory: a file, or a folder of files that are merged.

    Raises `InventoryError`, also if two records of one list have the same id. A reference to an unknown id is no error,
    since another source may know it (`dangling` lists those).
    """
    found: dict[str, dict[str, Record]] = {kind: {} for kind in RECORD_TYPES}
    for file in inventory_files(path):
        document = read_document(file)
        try:
            if _is_saved_answer(document.value):
                _add_saved(found, document.value)
            else:
                _add_lists(found, document)
        except Misfit as exc:
            raise document.error(exc.steps, exc.what) from exc
    return Assets(**found)  # type: ignore[arg-type]


def inventory_files(path: Path) -> list[Path]:
    """Return the files of an inventory in reading order: the file itself, or those of a folder with a known suffix."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if _may_be_part(file))
    if not files:
        raise InventoryError(f"{path}: a folder without {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} files")
    return files


def _may_be_part(file: Path) -> bool:
    # Reading a pipe may block forever, so only regular files count.
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def dangling(assets: Assets) -> Iterator[str]:
    """Yield references to unknown ids: `sensor_1: no room_2 in rooms`. References to absent lists are skipped."""
    for kind, type_ in RECORD_TYPES.items():
        for field, list_ in _REFERENCES.items():
            there = getattr(assets, list_)
            if field not in type_.__struct_fields__ or not there:
                continue
            for record in getattr(assets, kind).values():
                ids = getattr(record, field) or ()
                for id_ in (ids,) if isinstance(ids, str) else ids:
                    if id_ not in there:
                        yield f"{record.id}: no {id_} in {list_}"


def dump_inventory(assets: Assets) -> dict[str, list[dict[str, Any]]]:
    """Return assets as an inventory for JSON: sorted by id, without unknown fields."""
    return {kind: [_known(record) for _, record in sorted(getattr(assets, kind).items())] for kind in RECORD_TYPES}


def dump_yaml(lists: dict[str, list[dict[str, Any]]]) -> str:
    """Write the result of `dump_inventory` as YAML that any parser reads."""
    return plain_yaml.write(lists)


def _known(record: Record) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        parts = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: _plain(part) for name, part in parts.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _is_saved_answer(value: Any) -> bool:
    """Return whether a value is the answer of a v2 call: a list in `data`, one record in `data`, or a single record."""
    if not isinstance(value, dict):
        return isinstance(value, list)
    return isinstance(value.get("data"), list | dict) or isinstance(value.get("id"), str)


def _add_lists(found: dict[str, dict[str, Record]], document: LocatedDocument) -> None:
    value = document.value if document.value is not None else {}
    lists = ", ".join(RECORD_TYPES)
    if not isinstance(value, dict):
        raise document.error((), f"expected an object with lists ({lists})")
    if value and not value.keys() & RECORD_TYPES.keys():
        raise document.error((), f"it has none of the lists of an inventory ({lists})")
    for kind in RECORD_TYPES:
        items = value.get(kind)
        if items is None:
            continue
        if not isinstance(items, list):
            raise document.error((kind,), "expected a list of records")
        raws: list[Raw] = [((kind, index), item) for index, item in enumerate(items)]
        own: dict[str, int] = {}
        for index, record in enumerate(read_strictly(kind, raws)):
            if (first := own.setdefault(record.id, index)) != index:
                raise document.error((kind, index), f"{record.id} is the id of {kind}[{first}] too")
            _add(found[kind], record)


def _add_saved(found: dict[str, dict[str, Record]], value: Any) -> None:
    raws: dict[str, list[Raw]] = defaultdict(list)
    wrapped = isinstance(value, dict) and "data" in value
    for kind, raw in saved_records(value["data"] if wrapped else value, ("data",) if wrapped else ()):
        raws[kind].append(raw)
    for kind, some in raws.items():
        for record in read_strictly(kind, some):
            _add(found[kind], record)


def _add(known: dict[str, Record], record: Record) -> None:
    known[record.id] = filled_from(known[record.id], record) if record.id in known else record
