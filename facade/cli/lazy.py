"""A group of commands that imports each only when it is run, so that help and completion are quick."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
import typer.core
from typer.main import get_command_from_info
from typer.models import CommandInfo

# By command: the first line of its help, which `facade --help` lists. A test compares them with the commands.
COMMANDS: Mapping[str, str] = {
    "serve": "Serve the GraphQL API.",
    "sandbox": "Run the simulated Butlr REST API. Prints its base URL once it listens.",
    "schema": "Print the schema (SDL).",
    "check": "Make one call of each kind to the configured upstream, and report which calls work.",
    "cache": "Delete answers from the cache that replicas share.",
    "query": "Run an operation and print its answer. Errors go to stderr; then the exit code is 1.",
    "inventory": "Print the assets known from the configured sources, as an inventory file.",
    "translate": "Print the GraphQL operation for each REST request. Requests that have none are listed on stderr.",
    "explain": "Explain the upstream calls of an operation. Errors go to stderr; then the exit code is 1.",
    "watch": "Print each event of a subscription as a line of JSON. It resumes after a lost connection.",
    "export": "Write a report's rows or detections of a long span to files.",
    "mcp": "Serve the Model Context Protocol on stdin and stdout. An assistant starts this command.",
    "usage": "Show which client sends which operation, and which legacy calls are still made.",
}


class LazyGroup(typer.core.TyperGroup):
    """A command is the function of its name in the module of its name."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f".{cmd_name}", __package__)
        function = getattr(module, cmd_name)
        return get_command_from_info(
            CommandInfo(name=cmd_name, callback=function), pretty_exceptions_short=False, rich_markup_mode=None
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        listed = [(name, COMMANDS.get(name) or self._help_of(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(listed)

    def _help_of(self, ctx: Any, name: str) -> str:
        command = super().get_command(ctx, name)
        return str(command.get_short_help_str()) if command else ""
