"""The graph for assistants: the Model Context Protocol over the same engine, callers and limits as `/graphql`."""

from .server import Agents

__all__ = ["Agents"]
