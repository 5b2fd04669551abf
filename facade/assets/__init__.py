"""Where sensors, hives and places are known from. Sources know the upstream, never the schema."""

from .discovery import Discovery
from .graph import Assets, normal_mac
from .source import AssetSource

__all__ = ["AssetSource", "Assets", "Discovery", "normal_mac"]
