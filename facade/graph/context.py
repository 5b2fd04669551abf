"""The context of resolvers: the loaders of their operation, and nothing else of the server."""

from dataclasses import dataclass, field
from functools import cached_property

import strawberry.types

from ..assets import Assets
from ..auth import Caller
from ..butlr import Butlr, Unauthenticated
from ..live import Fanout, Live, Take
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
    # Unlimited until an engine sets its limit.
    budget: Budget = field(default_factory=Budget)
    # Parts of the answer that are written already, and too large to be written twice.
    large: Large = field(default_factory=Large)
    notes: Notes = field(default_factory=Notes)
    # The source of subscription events, and the cursor to resume after.
    live: Live | None = None
    resume: str | None = None
    # How a transport takes an answer that was made for all who asked the same, and who makes it.
    take: Take | None = None
    fanout: Fanout | None = None

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
        """Return whether a configured source can know a kind of asset. If none can, add a note to the answer.

        Raises `ButlrError` if the sources that can know it failed, so that `assets` lacks it.
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

    def of_source(self) -> "Context":
        """Return the context of what makes answers for all who asked the same, with the same token."""
        return Context(self.services, self.caller, ReadLog(), self.request_id, live=self.live)

    @property
    def is_source_for_nobody(self) -> bool:
        return self.fanout is not None and self.take is None and not self.fanout.size

    def renew(self) -> None:
        """Start the next event of a subscription, which is an operation with its own loaders and parts."""
        self.close()
        self.__dict__.pop("loaders", None)
        self.read_log, self.large = ReadLog(), Large()

    def close(self) -> None:
        """Cancel what the operation is still loading."""
        if "loaders" in self.__dict__:
            self.loaders.cancel()


Info = strawberry.types.Info[Context, None]
