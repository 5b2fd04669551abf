"""`Tool`: a name, arguments, an answer, and a function over the graph."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..causes import plainly
from .asking import Asker, Refused
from .texts import MOST_CHARACTERS, cleaned, plain, written


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToolAnswer(BaseModel):
    """What each answer says beside its own."""

    summary: str = Field(description="The answer in a sentence or two.")
    zone: str | None = Field(default=None, description="The IANA time zone of the times.")
    freshness: str | None = Field(
        default=None, description="When it was read, up to where it is final, what has not landed."
    )
    notes: list[str] = Field(default_factory=list, description="What is unknown rather than none, and the like.")
    more: str | None = Field(default=None, description="Where the rest is, when this is a part.")


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    call: Callable[[Asker, Mapping[str, Any]], Awaitable[dict[str, Any]]]
    # Whether its answer has series that the chart can draw.
    draws: bool = False


def tool(
    name: str,
    title: str,
    description: str,
    arguments: type[Any],
    answer: type[ToolAnswer],
    function: Callable[[Asker, Any], Awaitable[ToolAnswer]],
    *,
    draws: bool = False,
) -> Tool:
    async def call(asker: Asker, given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            read = arguments.model_validate(dict(given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Refused(f"{plain(where) or 'arguments'}: {plainly(first['msg'])}") from None
        made = await function(asker, read)
        made.notes = list(dict.fromkeys([*made.notes, *asker.notes]))
        return bounded(cleaned_answer(made))

    return Tool(name, title, description, schema_of(arguments), schema_of(answer), call, draws)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("description", None)
    return schema


def cleaned_answer(answer: ToolAnswer) -> dict[str, Any]:
    """Return an answer whose names are all `plain`. Its sentences are the facade's own."""
    whole = answer.model_dump(exclude_none=True)
    own = {name: whole.pop(name) for name in ("sdl",) if name in whole}
    sentences = {
        name: [plain(each, 600) for each in value] if isinstance(value, list) else plain(value, 1200)
        for name in ("summary", "freshness", "notes", "more")
        if (value := whole.get(name)) is not None
    }
    first = {"summary": sentences.pop("summary")}
    rest = {name: value for name, value in whole.items() if name not in sentences and name not in first}
    return {**first, **own, **cleaned(rest), **sentences}


def bounded(answer: dict[str, Any], most: int = MOST_CHARACTERS) -> dict[str, Any]:
    """Return an answer that an assistant can read: if it is too large, its longest lists are shortened."""
    while len(written(answer)) > most:
        lists = [(len(written(value)), name) for name, value in answer.items() if isinstance(value, list) and value]
        if not lists:
            break
        _, name = max(lists)
        kept = len(answer[name]) * 3 // 4
        answer = {**answer, name: answer[name][:kept]}
        answer["more"] = answer.get("more") or "Shortened: ask for fewer places, a shorter span or a smaller limit."
    return answer
