"""The codes with which a `graphql-transport-ws` connection is closed, as the protocol numbers them."""

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, INIT_LATE, WRONG_PROTOCOL = 4400, 4401, 4403, 4408, 4406
ID_TAKEN, INIT_AGAIN = 4409, 4429
RESTART, TRY_AGAIN_LATER, TOO_LARGE = 1012, 1013, 1009


class Closed(Exception):  # noqa: N818 -- named for what happens
    """The connection is to be closed with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
