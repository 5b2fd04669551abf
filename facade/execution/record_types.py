"""The types whose objects are records: reading a field neither waits nor changes anything, and fails as it would for
graphql-core.
"""

from ..assets import records
from ..butlr import DetectionEntry, ReplyStatistics, Row, WorldEntry
from ..graph.detection import PointRecord
from ..graph.detection_records import DetectionSetRecord
from ..graph.occupancy import OccupancyRecord
from ..graph.pages import EdgeRecord, PageInfoRecord
from ..graph.record_fields import RecordShape
from ..graph.report_records import FreshnessRecord, GroupKeyRecord, GroupRecord, ReportRecord, SeriesRecord
from ..graph.stats import AssetStatsRecord, StatsValueRecord
from ..series import FULL_ROW

# None of them contains itself except through a resolver: the code for its selections could nest without end.
PLAIN = {
    "Address": RecordShape((records.AddressRecord,)),
    "Area": RecordShape((records.AreaRecord,)),
    "AssetStats": RecordShape((AssetStatsRecord,)),
    "Building": RecordShape((records.BuildingRecord,), is_type=True),
    "Capacity": RecordShape((records.CapacityRecord,)),
    "Detection": RecordShape((DetectionEntry, WorldEntry)),
    "DetectionSet": RecordShape((DetectionSetRecord,)),
    "Floor": RecordShape((records.FloorRecord,), is_type=True),
    "FloorPlan": RecordShape((records.FloorPlanRecord,)),
    "Freshness": RecordShape((FreshnessRecord,)),
    "GroupKey": RecordShape((GroupKeyRecord,)),
    "Hive": RecordShape((records.HiveRecord,), is_type=True),
    "MetaData": RecordShape((records.MetaDataRecord,)),
    "Occupancy": RecordShape((OccupancyRecord,)),
    "PageInfo": RecordShape((PageInfoRecord,)),
    "Point": RecordShape((PointRecord,)),
    "Report": RecordShape((ReportRecord,)),
    "ReportGroup": RecordShape((GroupRecord,)),
    "ReportRow": RecordShape((Row, FULL_ROW)),
    "ReportRowEdge": RecordShape((EdgeRecord,)),
    "Room": RecordShape((records.RoomRecord,), is_type=True),
    "Sensor": RecordShape((records.SensorRecord,), is_type=True),
    "Series": RecordShape((SeriesRecord,)),
    "Site": RecordShape((records.SiteRecord,), is_type=True),
    "Statistics": RecordShape((ReplyStatistics,)),
    "StatsValue": RecordShape((StatsValueRecord,)),
    "Tag": RecordShape((records.TagRecord,), is_type=True),
    "Zone": RecordShape((records.ZoneRecord,), is_type=True),
}
