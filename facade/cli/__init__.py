"""The `facade` command: one module a command. What is heavy is imported where it is used, so that help is quick."""

from .app import main

__all__ = ["main"]
