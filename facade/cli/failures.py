"""The exceptions of commands: each becomes one line on stderr and an exit code."""


class Failure(Exception):  # noqa: N818 - named for what happened
    """The command failed. The message is one line that says what to do."""

    exit_code = 1


class WrongUsage(Failure):
    """The command could not start, since an option, a setting or a file is wrong."""

    exit_code = 2
