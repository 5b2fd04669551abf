"""ASGI middleware: what every request goes through, whichever endpoint it is for."""
