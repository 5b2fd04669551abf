"""Parts of an answer that are written once and never joined: an answer of a hundred megabytes is held once."""

import orjson

# No JSON that orjson writes has one: a control character is escaped.
MARK = b"\x00"


class Large:
    """Lists in chunks, each of which begins with the comma before it."""

    def __init__(self) -> None:
        self._lists: list[list[bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._lists)

    def put(self, chunks: list[bytes]) -> orjson.Fragment:
        """Keep a list and return what stands for it in the data."""
        self._lists.append(chunks)
        return orjson.Fragment(b"%b%d%b" % (MARK, len(self._lists) - 1, MARK))

    def within(self, whole: bytes) -> list[bytes]:
        """Return JSON that holds what `put` returned, with the lists in their places. They are kept no longer."""
        answer: list[bytes] = []
        for at, part in enumerate(whole.split(MARK)):
            if at % 2:
                first, *others = self._lists[int(part)] or [b""]
                answer += (b"[", first[1:], *others, b"]")
            else:
                answer.append(part)
        self._lists.clear()
        return answer
