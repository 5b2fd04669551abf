"""The server: HTTP/1.1 connections over uvicorn, and the supervisor of worker processes."""
