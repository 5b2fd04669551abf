"""Turn exceptions into GraphQL errors for clients: a message to act on and a code."""

import structlog
from graphql import GraphQLError
from graphql.execution import values

from ..butlr import ButlrError
from ..loaders import BudgetSpent, with_export

log = structlog.get_logger(__name__)

_READS_ARGUMENTS = values.__name__
# Most characters of a message. graphql-core's messages quote the whole of an invalid value.
MOST = 1000


def formatted(error: GraphQLError, *, request_id: str, default: str = "INTERNAL_SERVER_ERROR") -> GraphQLError:
    """Return the error with its `extensions.code`. An internal error is masked and logged."""
    cause = error.original_error
    if default == "INTERNAL_SERVER_ERROR" and _is_of_arguments(error):
        default = "BAD_USER_INPUT"
    if isinstance(cause, ButlrError | BudgetSpent):
        return _with(error, with_export(cause), dict(cause.extensions))
    if error.extensions and "code" in error.extensions:
        return error
    if isinstance(cause, GraphQLError) and cause.extensions and "code" in cause.extensions:
        return _with(error, _shortened(error.message), dict(cause.extensions))
    if default != "INTERNAL_SERVER_ERROR":
        return _with(error, _shortened(error.message), {"code": default})
    log.error("unexpected error", request_id=request_id, path=error.path, exc_info=cause or error)
    return _with(
        error,
        f"The facade failed. Give request id {request_id} to its operator, whose log says why.",
        {"code": default, "requestId": request_id},
    )


def _is_of_arguments(error: BaseException) -> bool:
    """Return whether graphql-core raised the error while it read arguments, variables or the `if` of a directive.

    graphql-core gives these errors no class and no code. Only the place where they were raised distinguishes them from
    the errors for an upstream value of the wrong type.
    """
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__") == _READS_ARGUMENTS:
            return True
        traceback = traceback.tb_next
    cause = error.original_error if isinstance(error, GraphQLError) else None
    return cause is not None and _is_of_arguments(cause)


def _shortened(message: str) -> str:
    """Cut the middle out of a very long message, since its two ends say what is wrong."""
    half = MOST // 2
    return message if len(message) <= MOST else f"{message[:half]} … {message[-half:]}"


def _with(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=error.original_error,
        extensions=extensions,
    )
