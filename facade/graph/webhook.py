"""Webhooks, as the native API lists them."""

from enum import Enum

import strawberry
from strawberry import ID, enum_value

from .fields import described
from .scalars import JSON


@strawberry.enum(description="What a webhook tells of.")
class EventType(Enum):
    DETECTIONS = enum_value("DETECTIONS", description="Where people stand.")
    TRAFFIC = enum_value("TRAFFIC", description="People going in and out.")
    FLOOR_OCCUPANCY = enum_value("FLOOR_OCCUPANCY", description="People on a floor, over a rolling five minutes.")
    ROOM_OCCUPANCY = enum_value("ROOM_OCCUPANCY", description="People in a room, over a rolling five minutes.")
    ZONE_OCCUPANCY = enum_value("ZONE_OCCUPANCY", description="People in a zone, over a rolling five minutes.")
    FLOOR_OCCUPANCY_1MIN = enum_value("FLOOR_OCCUPANCY_1MIN", description="People on a floor, by the minute.")
    ROOM_OCCUPANCY_1MIN = enum_value("ROOM_OCCUPANCY_1MIN", description="People in a room, by the minute.")
    ZONE_OCCUPANCY_1MIN = enum_value("ZONE_OCCUPANCY_1MIN", description="People in a zone, by the minute.")
    PIR_MOTION = enum_value("PIR_MOTION", description="Motion (Heatic 2 and later).")
    PIR_NO_MOTION = enum_value("PIR_NO_MOTION", description="An end of motion (Heatic 2 and later).")
    SENSOR_HEALTH = enum_value("SENSOR_HEALTH", description="The state of a sensor.")
    HIVE_HEALTH = enum_value("HIVE_HEALTH", description="The state of a hive.")


@strawberry.type(description="A header that a webhook sends.")
class WebhookApiKey:
    key: str | None = described("Its name.")
    value: str | None = described("Always null here: secrets stay with Butlr.")


@strawberry.type(description="The basic authentication that a webhook uses.")
class WebhookBasicAuth:
    username: str | None = described("The user.")
    password: str | None = described("Always null here: secrets stay with Butlr.")


@strawberry.type(description="Where a webhook sends its events.")
class EndpointConfig:
    url: str | None = described("The address.")
    http_timeout: int | None = described("After how many seconds it gives up.")
    api_key: WebhookApiKey | None = described("The header that it sends.")
    basic_auth: WebhookBasicAuth | None = described("The basic authentication that it uses.")


@strawberry.type(description="A webhook, managed over Butlr's own GraphQL API.")
class Webhook:
    id: ID = described("Its id.")
    name: str | None = described("Its name.")
    event_types: list[EventType] | None = described("What it tells of.")
    endpoint_config: EndpointConfig | None = described("Where it sends its events.")
    org_id: str | None = described("The organisation.")
    status: bool | None = described("Whether it is on.")
    filters: JSON | None = described("Of which places and values.")
    send_on_value_change: bool | None = described("Whether it sends only what has changed.")
