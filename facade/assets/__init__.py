"""Sources of sensors, hives and places. A source may use the upstream, never the schema."""

from .composite import Composed, build_source, check_names, part_of, sources_of
from .files.inventory_file import dump_inventory, dump_yaml, load_inventory
from .files.located import InventoryError
from .graph import Assets
from .macs import normal_mac
from .organizations import read_orgs
from .source import AssetSource
from .sources.discovery import Discovery
from .sources.inventory import Inventory
from .sources.native import Native
from .token_probe import TokenProbe

__all__ = [
    "AssetSource",
    "Assets",
    "Composed",
    "Discovery",
    "Inventory",
    "InventoryError",
    "Native",
    "TokenProbe",
    "build_source",
    "check_names",
    "dump_inventory",
    "dump_yaml",
    "load_inventory",
    "normal_mac",
    "part_of",
    "read_orgs",
    "sources_of",
]
