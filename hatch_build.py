"""A build hook: what stands in a wheel's place of GraphiQL's page, which npm builds and git does not hold.

`pip install .`, `uv tool install .` and `pipx install .` make a wheel on their way and throw it away: without the page
they give a facade that serves all else. A wheel that is handed on must hold it: REQUIRE_PAGE=1 refuses one without.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("facade", "web", "graphiql", "index.html")


class PageHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's
        if version == "editable" or (Path(self.root) / PAGE).is_file():
            return
        if os.environ.get("REQUIRE_PAGE"):
            raise RuntimeError(f"{PAGE} is not there: run `make web-ui` before a wheel is built.")
        self.app.display_warning(f"{PAGE} is not there: this install serves no GraphiQL. `make web-ui` builds it.")
