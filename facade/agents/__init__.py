"""The graph for assistants: the Model Context Protocol over the engine, callers and limits of `/graphql`."""

from .server import Agents

__all__ = ["Agents"]
