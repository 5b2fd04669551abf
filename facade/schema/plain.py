"""Which types' objects are records: reading a field neither waits nor changes anything, and where it fails, it fails
for graphql-core too.
"""

from ..assets import records
from ..butlr import Entry, Row, Statistics, WorldEntry
from ..series import FULL_ROW
from .detection import DetectionSetRecord, PointRecord
from .occupancy import OccupancyRecord
from .pages import EdgeRecord, PageInfoRecord
from .report import FreshnessRecord, GroupKeyRecord, GroupRecord, ReportRecord, SeriesRecord
from .shapes import Shape
from .stats import AssetStatsRecord, StatsValueRecord

# None of them holds itself but by a resolver, or the code for its selections could nest without end.
PLAIN = {
    "Address": Shape((records.Address,)),
    "Area": Shape((records.Area,)),
    "AssetStats": Shape((AssetStatsRecord,)),
    "Building": Shape((records.BuildingRecord,), is_type=True),
    "Capacity": Shape((records.Capacity,)),
    "Detection": Shape((Entry, WorldEntry)),
    "DetectionSet": Shape((DetectionSetRecord,)),
    "Floor": Shape((records.FloorRecord,), is_type=True),
    "FloorPlan": Shape((records.FloorPlan,)),
    "Freshness": Shape((FreshnessRecord,)),
    "GroupKey": Shape((GroupKeyRecord,)),
    "Hive": Shape((records.HiveRecord,), is_type=True),
    "MetaData": Shape((records.MetaData,)),
    "Occupancy": Shape((OccupancyRecord,)),
    "PageInfo": Shape((PageInfoRecord,)),
    "Point": Shape((PointRecord,)),
    "Report": Shape((ReportRecord,)),
    "ReportGroup": Shape((GroupRecord,)),
    "ReportRow": Shape((Row, FULL_ROW)),
    "ReportRowEdge": Shape((EdgeRecord,)),
    "Room": Shape((records.RoomRecord,), is_type=True),
    "Sensor": Shape((records.SensorRecord,), is_type=True),
    "Series": Shape((SeriesRecord,)),
    "Site": Shape((records.SiteRecord,), is_type=True),
    "Statistics": Shape((Statistics,)),
    "StatsValue": Shape((StatsValueRecord,)),
    "Tag": Shape((records.TagRecord,), is_type=True),
    "Zone": Shape((records.ZoneRecord,), is_type=True),
}
