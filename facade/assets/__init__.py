"""Where sensors, hives and places are known from. Sources know the upstream, never the schema."""

from .compose import SOURCES, Composed, build_source, check_names, part_of, sources_of
from .discovery import Discovery
from .documents import InventoryError
from .graph import Assets
from .inventory import Inventory
from .inventory_file import dump_inventory, dump_yaml, load_inventory
from .macs import normal_mac
from .native import Native
from .proof import Proof
from .source import AssetSource

__all__ = [
    "SOURCES",
    "AssetSource",
    "Assets",
    "Composed",
    "Discovery",
    "Inventory",
    "InventoryError",
    "Native",
    "Proof",
    "build_source",
    "check_names",
    "dump_inventory",
    "dump_yaml",
    "load_inventory",
    "normal_mac",
    "part_of",
    "sources_of",
]
