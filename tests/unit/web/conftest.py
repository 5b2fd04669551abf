"""Facades with stricter settings than the common one."""

from typing import Any

import pytest

SERVICE = {"FACADE_AUTH": "service", "BUTLR_CLIENT_ID": "demo-client", "BUTLR_CLIENT_SECRET": "demo-secret"}
ORIGIN = "https://dashboard.example"


@pytest.fixture(scope="session")
def frugal(launch: Any, sandbox_process: Any) -> Any:
    """An operation may spend little here, and the schema is not told."""
    return launch.facade(
        sandbox_process.url,
        FACADE_MAX_COST="20000",
        FACADE_MAX_DEPTH="12",
        FACADE_INTROSPECTION="false",
        FACADE_CORS_ORIGINS=ORIGIN,
    )


@pytest.fixture(scope="session")
def service(launch: Any, sandbox_process: Any) -> Any:
    """It logs in itself, and its callers need nothing."""
    return launch.facade(sandbox_process.url, **SERVICE)


@pytest.fixture
def origin() -> str:
    """Of a page that the frugal facade may be called from."""
    return ORIGIN
