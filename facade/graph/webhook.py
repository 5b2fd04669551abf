"""Webhooks, as the native API lists them."""

from enum import Enum

import strawberry
from strawberry import ID, enum_value

from .fields import described
from .scalars import JSON


@strawberry.enum(description="The types of webhook events.")
class EventType(Enum):
    DETECTIONS = enum_value("DETECTIONS", description="The positions of people.")
    TRAFFIC = enum_value("TRAFFIC", description="People going in and out.")
    FLOOR_OCCUPANCY = enum_value("FLOOR_OCCUPANCY", description="People on a floor, over a rolling five minutes.")
    ROOM_OCCUPANCY = enum_value("ROOM_OCCUPANCY", description="People in a room, over a rolling five minutes.")
    ZONE_OCCUPANCY = enum_value("ZONE_OCCUPANCY", description="People in a zone, over a rolling five minutes.")
    FLOOR_OCCUPANCY_1MIN = enum_value("FLOOR_OCCUPANCY_1MIN", description="People on a floor, by the minute.")
    ROOM_OCCUPANCY_1MIN = enum_value("ROOM_OCCUPANCY_1MIN", description="People in a room, by the minute.")
    ZONE_OCCUPANCY_1MIN = enum_value("ZONE_OCCUPANCY_1MIN", description="People in a zone, by the minute.")
    PIR_MOTION = enum_value("PIR_MOTION", description="Motion (Heatic 2 and later).")
    PIR_NO_MOTION = enum_value("PIR_NO_MOTION", description="The end of motion (Heatic 2 and later).")
    SENSOR_HEALTH = enum_value("SENSOR_HEALTH", description="The state of a sensor.")
    HIVE_HEALTH = enum_value("HIVE_HEALTH", description="The state of a hive.")


@strawberry.type(description="A header that a webhook sends.")
class WebhookApiKey:
    key: str | None = described("Its name.")
    value: str | None = described("Always null, since the facade does not return secrets.")


@strawberry.type(description="The basic authentication that a webhook uses.")
class WebhookBasicAuth:
    username: str | None = described("The user.")
    password: str | None = described("Always null, since the facade does not return secrets.")


@strawberry.type(description="The endpoint that receives the events of a webhook.")
class EndpointConfig:
    url: str | None = described("The address.")
    http_timeout: int | None = described("The timeout of a request in seconds.")
    api_key: WebhookApiKey | None = described("The header that it sends.")
    basic_auth: WebhookBasicAuth | None = described("The basic authentication that it uses.")


@strawberry.type(description="A webhook, managed over Butlr's own GraphQL API.")
class Webhook:
    id: ID = described("Its id.")
    name: str | None = described("Its name.")
    event_types: list[EventType] | None = described("The types of its events.")
    endpoint_config: EndpointConfig | None = described("The endpoint that receives its events.")
    org_id: str | None = described("The organisation.")
    status: bool | None = described("Whether it is active.")
    filters: JSON | None = described("The places and values that it is limited to.")
    send_on_value_change: bool | None = described("Whether it sends only changed values.")
