"""Subscriptions: one stream of answers, framed as server-sent events, multipart/mixed or WebSocket messages."""
