"""Butlr's own GraphQL schema, as its docs give it: a document valid there is valid here."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
    validate,
)

from facade.graph import build_schema as build_ours

# Fields whose types no source gives are left out, as docs/using.md says: broker, topics, config,
# connectionHealth, connection_health, algo_config, fixtures.
NATIVE = build_schema("""
scalar Time
scalar JSON
scalar InstallationStatus
scalar ServiceStatus
type Query {
  sites: Sites!
  site(id: ID, customID: ID): Site
  buildings: Buildings!
  building(id: ID, customID: ID): Building
  floors(ids: [String!]): Floors!
  floor(id: ID, customID: ID): Floor
  rooms(ids: [String!]): Rooms!
  room(id: ID, customID: ID): Room
  zones(ids: [String!]): Zones!
  zone(id: ID, customID: ID): Zone
  floorsByTag(tagIDs: [String!], useOR: Boolean): Floors!
  roomsByTag(tagIDs: [String!], useOR: Boolean): Rooms!
  zonesByTag(tagIDs: [String!], useOR: Boolean): Zones!
  sensors(ids: [String!], mac_addresses: [String!], floor_ids: [String!], room_ids: [String!], hive_ids: [String!],
    hive_serials: [String!]): Sensors!
  hives(ids: [String!], serial_numbers: [String!], returnPlaceholders: Boolean): Hives!
  tags(ids: [String!]): [Tag!]
  webhooks: [Webhook!]
}
type Sites { data: [Site!]! }
type Buildings { data: [Building!]! }
type Floors { data: [Floor!]! }
type Rooms { data: [Room!]! }
type Zones { data: [Zone!]! }
type Sensors { data: [Sensor!]! }
type Hives { data: [Hive!]! }
type Site { id: ID! name: String! buildings: [Building!]! butlrCode: String! siteNumber: Int customID: String
  timezone: String org_id: String! }
type Building { id: ID! name: String! capacity: Capacity! floors: [Floor!]! butlr_code: String! building_number: Int
  address: Address customID: String site_id: ID! site: Site! butlrCode: String! buildingNumber: Int }
type Floor { id: ID! building_id: ID! building: Building! metadata: MetaData! name: String! timezone: String!
  area: Area! capacity: Capacity! installation_date: Int! installation_status: InstallationStatus!
  service_status: ServiceStatus sensors: [Sensor!] hives: [Hive!] last_battery_change_date: Time
  next_battery_change_date: Time floor_plans: [FloorPlan!] floorNumber: Int tags: [Tag!] rooms(ids: [String!]): [Room!]
  zones(ids: [String!]): [Zone!] butlrCode: String! customID: ID algorithm_config: JSON floor_id: ID client_id: ID
  buildingId: ID }
type Room { id: ID! floorID: ID! floor_id: ID floor: Floor! metadata: MetaData! name: String! area: Area!
  coordinates: [[Float!]] capacity: Capacity! rotation: Float tags: [Tag!] roomType: String
  sensors(ids: [String!]): [Sensor!] note: String customID: ID pir_zero_enable: Boolean! pir_zero_threshold: Float
  pir_zero_window: Int algorithm_config: JSON room_id: ID client_id: ID }
type Zone { id: ID! roomID: ID room_id: ID floorID: ID! floor_id: ID floor: Floor metadata: MetaData! name: String!
  area: Area! coordinates: [[Float!]] rotation: Float capacity: Capacity! sensors: [Sensor!] note: String
  customID: ID tags: [Tag!] }
type Hive { id: ID! floorID: String! floor_id: String floor: Floor roomID: String! room_id: String room: Room
  metadata: MetaData! serialNumber: String! hiveVersion: String! hiveType: String! lastHeartbeat: Int
  lastRawMessage: Int lastCompressedMessage: Int lastOccupancyMessage: Int lastDetectionMessage: Int
  lastNetworkId: Int privateIP: String isStreaming: Boolean! isOnline: Boolean! installed: Boolean!
  is_sleep_time: Boolean! netPathStability: Float! coordinates: [Float!]! name: String! note: String
  sensors(ids: [String!]): [Sensor!] }
type Sensor { id: ID! client_id: String! floorID: String! floor_id: String floor: Floor roomID: String!
  room_id: String room: Room hiveID: String! hive_id: String hive: Hive hive_serial: String! zones: [Zone!]
  zone_ids: [String!] metadata: MetaData! name: String! mac_address: String! sensor_serial: String mode: String!
  model: String! sensitivity: Float! center: [Float!]! height: Float! is_entrance: Boolean! parallel_to_door: Boolean!
  is_online: Boolean! is_streaming: Boolean! is_sleep_time: Boolean! door_line: Float! in_direction: Float!
  field_of_view: Float! effective_field_of_view: Float! orientation: [Float!]! last_heartbeat: Int
  last_raw_message: Int last_compressed_message: Int last_occupancy_message: Int last_detection_message: Int
  power_type: SensorPowerType last_battery_change_date: Time next_battery_change_date: Time
  battery_change_by_date: Time estimated_total_runtime_days: Int algorithm_config: JSON note: String
  installation_status: SensorInstallationStatus pir_zero_enable: Boolean sensor_id: ID! calibration: JSON
  active_hours: JSON generation: JSON messages_per_second: JSON }
enum SensorPowerType { Wired Battery }
enum SensorInstallationStatus { INSTALLED UNINSTALLED }
type Tag { id: String! name: String! organization_id: String! rooms: [Room!]! zones: [Zone!]! floors: [Floor!]! }
type Webhook { id: ID! name: String! event_types: [EventType!]! endpoint_config: EndpointConfig! org_id: String!
  status: Boolean! filters: JSON send_on_value_change: Boolean! }
enum EventType { DETECTIONS TRAFFIC FLOOR_OCCUPANCY ROOM_OCCUPANCY ZONE_OCCUPANCY FLOOR_OCCUPANCY_1MIN
  ROOM_OCCUPANCY_1MIN ZONE_OCCUPANCY_1MIN PIR_MOTION PIR_NO_MOTION SENSOR_HEALTH HIVE_HEALTH }
type EndpointConfig { url: String http_timeout: Int api_key: WebhookApiKey basic_auth: WebhookBasicAuth }
type WebhookApiKey { key: String value: String }
type WebhookBasicAuth { username: String password: String }
type Capacity { max: Int mid: Int }
type Area { value: Float unit: String }
type Address { lines: [String!] country: String }
type MetaData { created_at: Time updated_at: Time deleted_at: Time }
type FloorPlan { floor_plan_id: ID name: String url: String coordinates: JSON }
""")


def shape(type_) -> str:
    """A type without what clients do not write: its nullability and which leaf it is."""
    if is_non_null_type(type_):
        return shape(type_.of_type)
    if is_list_type(type_):
        return f"[{shape(type_.of_type)}]"
    return "leaf" if is_leaf_type(type_) else type_.name


def missing():
    ours = build_ours()
    for name, native in NATIVE.type_map.items():
        if not isinstance(native, GraphQLObjectType) or name.startswith("__"):
            continue
        type_ = ours.type_map.get(name)
        if not isinstance(type_, GraphQLObjectType):
            yield name
            continue
        for field_name, field in native.fields.items():
            our_field = type_.fields.get(field_name)
            if our_field is None:
                yield f"{name}.{field_name}"
                continue
            if shape(our_field.type) != shape(field.type):
                yield f"{name}.{field_name}: {our_field.type} is not {field.type}"
            for argument_name, argument in field.args.items():
                our_argument = our_field.args.get(argument_name)
                if our_argument is None or str(our_argument.type) != str(argument.type):
                    yield f"{name}.{field_name}({argument_name}: {argument.type})"


def test_no_native_field_type_or_argument_is_missing():
    assert list(missing()) == []


def test_every_native_event_type_is_known():
    assert set(build_ours().type_map["EventType"].values) >= set(NATIVE.type_map["EventType"].values)


def test_a_selection_of_every_native_leaf_is_valid_here():
    def leaves(type_):
        return " ".join(name for name, field in type_.fields.items() if is_leaf_type(get_named_type(field.type)))

    selections = " ".join(
        f"{wrapper.lower()} {{ data {{ {leaves(NATIVE.type_map[wrapper[:-1]])} }} }}"
        for wrapper in ("Sites", "Buildings", "Floors", "Rooms", "Zones", "Sensors", "Hives")
    )
    document = parse(f"{{ {selections} tags {{ {leaves(NATIVE.type_map['Tag'])} }} }}")
    assert validate(NATIVE, document) == []
    assert validate(build_ours(), document) == []


@pytest.mark.parametrize("variables", ["$ids: [String!]", "$ids: [String!]!"])
def test_native_variable_types_fit(variables):
    query = f"query ({variables}, $id: ID) {{ sensors(ids: $ids) {{ data {{ id }} }} room(id: $id) {{ id }} }}"
    assert validate(build_ours(), parse(query)) == []
