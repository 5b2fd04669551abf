"""The protocol's prompts: questions with which a person can start."""

from collections.abc import Mapping

import mcp_types as types

from .texts import quoted

_FREE = "Which rooms are free now on {floor} for {people} people? Use `free_rooms`. Say apart how many are unknown."
_WEEKS = """How busy was {place} this week against last? Use `series` with start "this week" and compare true.
Say the peak, when it was, the change of the mean, and what has not landed yet."""
_MORNING = """Check {building}: which devices are offline (`device_health`), who is there now (`occupancy_now` with kind
floor), and which rooms were emptiest last week (`busiest` with order emptiest)."""
_TEXTS = {
    "free_rooms_now": ("Rooms that are free now", _FREE, ("floor", "people")),
    "week_against_week": ("This week against the last", _WEEKS, ("place",)),
    "morning_check": ("The morning's check", _MORNING, ("building",)),
}

PROMPTS = tuple(
    types.Prompt(
        name=name,
        title=title,
        description=title,
        arguments=[types.PromptArgument(name=argument, required=True) for argument in arguments],
    )
    for name, (title, _, arguments) in _TEXTS.items()
)


def prompt(name: str, given: Mapping[str, str]) -> str:
    """Return a prompt's text. Raises ValueError for an unknown prompt or a missing argument."""
    if name not in _TEXTS:
        raise ValueError("There is no such prompt.")
    _, text, arguments = _TEXTS[name]
    if missing := [argument for argument in arguments if not given.get(argument)]:
        raise ValueError(f"The prompt needs {', '.join(missing)}.")
    return text.format(**{argument: quoted(given[argument]) for argument in arguments})
