"""How a command ends when it cannot do what was asked: one line on stderr and an exit code."""


class Failure(Exception):  # noqa: N818 - named for what happened
    """It was tried and failed. The message is one line that says what to do."""

    exit_code = 1


class WrongUsage(Failure):
    """It could not be tried: an option, a setting or a file is wrong."""

    exit_code = 2
