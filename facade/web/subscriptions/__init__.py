"""Subscriptions: streams of answers as server-sent events, multipart/mixed or WebSocket messages."""
