from random import Random


def seeded(*parts: object) -> Random:
    """Return a generator that draws the same for the same parts, in every process."""
    return Random(":".join(map(str, parts)))  # noqa: S311 - a simulation has to repeat itself
