"""Plain Strawberry: a simple server with an upstream call in each resolver, without batching and cache."""

import asyncio
import os
from enum import Enum
from typing import Any

import httpx
import strawberry
from strawberry.asgi import GraphQL
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from .week import of_a_week

Time = strawberry.scalar(str, name="Time", serialize=str, parse_value=str)
client = httpx.AsyncClient(base_url=os.environ["UPSTREAM"], timeout=60)


async def ask(info: strawberry.Info, path: str, body: dict[str, Any]) -> dict[str, Any]:
    token = info.context["request"].headers["authorization"]
    answer = await client.post(path, json=body, headers={"Authorization": token})
    answer.raise_for_status()
    return answer.json()


@strawberry.enum
class Measurement(Enum):
    presence = "presence"
    traffic = "traffic"


@strawberry.enum
class WindowFunction(Enum):
    max = "max"
    mean = "mean"
    last = "last"


@strawberry.input
class IdFilter:
    eq: list[strawberry.ID]


@strawberry.input
class ReportFilter:
    start: Time
    stop: Time
    measurements: list[Measurement]
    sensors: IdFilter | None = None


@strawberry.input
class ReportWindow:
    every: str
    function: WindowFunction


@strawberry.type
class ReportRow:
    time: Time | None
    value: float | None
    sensor_id: strawberry.ID | None
    room_id: strawberry.ID | None
    measurement: str | None


@strawberry.type
class Report:
    rows: list[ReportRow]


@strawberry.type
class Detection:
    mac_address: str | None
    value: JSON | None


@strawberry.type
class DetectionSet:
    detections_local: list[Detection]


@strawberry.type
class Sensor:
    id: strawberry.ID
    mac_address: str

    @strawberry.field
    async def detections(self, info: strawberry.Info, start: Time, stop: Time) -> DetectionSet:
        body = {
            "data_types": ["detections_local"],
            "filter": {"start": start, "stop": stop, "mac_addresses": [self.mac_address]},
        }
        answer = await ask(info, "/api/v3/detections", body)
        return DetectionSet(
            detections_local=[
                Detection(mac_address=entry["mac_address"], value=entry["value"])
                for entry in answer["detections_local"]
            ]
        )


@strawberry.type
class Sensors:
    data: list[Sensor]


@strawberry.type
class Query:
    @strawberry.field
    async def sensors(self, info: strawberry.Info) -> Sensors:
        answers = await asyncio.gather(*(ask(info, "/api/v3/reporting", body) for body in of_a_week()))
        macs = {row["sensor_id"]: row["mac_address"] for answer in answers for row in answer["data"]}
        return Sensors(data=[Sensor(id=id_, mac_address=mac) for id_, mac in macs.items()])

    @strawberry.field
    async def report(self, info: strawberry.Info, filter: ReportFilter, window: ReportWindow) -> Report:  # noqa: A002
        asked: dict[str, Any] = {
            "start": filter.start,
            "stop": filter.stop,
            "measurements": [measurement.value for measurement in filter.measurements],
        }
        if filter.sensors:
            asked["sensors"] = {"eq": filter.sensors.eq}
        body = {"filter": asked, "window": {"every": window.every, "function": window.function.value}}
        answer = await ask(info, "/api/v3/reporting", body)
        return Report(
            rows=[
                ReportRow(
                    time=row["time"],
                    value=row["value"],
                    sensor_id=row["sensor_id"],
                    room_id=row["room_id"],
                    measurement=row["measurement"],
                )
                for row in answer["data"]
            ]
        )


app = GraphQL(
    strawberry.Schema(query=Query, config=StrawberryConfig(auto_camel_case=False)),
    graphql_ide=None,
)
