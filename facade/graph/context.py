"""What resolvers may reach: the loaders of their operation, and nothing else of the server."""

from dataclasses import dataclass, field
from functools import cached_property

import strawberry.types

from ..assets import Assets
from ..auth import Caller
from ..butlr import Butlr, Unauthenticated
from ..live import Live
from ..loaders import Budget, Loaders, Services
from ..upstream import ReadLog
from .large import Large
from .notes import Notes


@dataclass
class Context:
    services: Services
    caller: Caller | None
    read_log: ReadLog
    request_id: str
    # Without a limit until an engine sets its own.
    budget: Budget = field(default_factory=Budget)
    # What of the answer is written already, and too large to be written twice.
    large: Large = field(default_factory=Large)
    notes: Notes = field(default_factory=Notes)
    # What subscriptions are fed by, and the cursor that one goes on from.
    live: Live | None = None
    resume: str | None = None

    def known_caller(self) -> Caller:
        """Return who asks. Raises `Unauthenticated` where there is no token."""
        if self.caller is None:
            raise Unauthenticated(
                "This needs a token. Log in (mutation login or clientLogin) and send it as `Authorization: Bearer …`."
            )
        return self.caller

    @cached_property
    def loaders(self) -> Loaders:
        return Loaders(self.services, self.known_caller(), self.read_log, self.budget)

    def knows(self, kind: str, assets: Assets | None = None) -> bool:
        """Whether a configured source can know a kind of asset; the answer says so where none can.

        Raises `ButlrError` where those that can have not listed it among `assets`.
        """
        if assets is not None:
            assets.require(kind)
        source = self.services.assets
        if kind in source.knows:
            return True
        self.notes.unknown(kind, source.name)
        return False

    @property
    def butlr(self) -> Butlr:
        return self.services.upstream.butlr

    def renew(self) -> None:
        """Begin anew: each event of a subscription is an operation with loaders and parts of its own."""
        self.close()
        self.__dict__.pop("loaders", None)
        self.read_log, self.large = ReadLog(), Large()

    def close(self) -> None:
        """Stop what the operation still had under way."""
        if "loaders" in self.__dict__:
            self.loaders.cancel()


Info = strawberry.types.Info[Context, None]
