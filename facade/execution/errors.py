"""From an exception to what a client reads: a message to act on and a code."""

import structlog
from graphql import GraphQLError
from graphql.execution import values

from ..butlr import ButlrError
from ..loaders import BudgetSpent, with_export

log = structlog.get_logger(__name__)

_READS_ARGUMENTS = values.__name__
# Characters of a message: graphql-core's quote the whole of a value that does not fit.
MOST = 1000


def formatted(error: GraphQLError, *, request_id: str, default: str = "INTERNAL_SERVER_ERROR") -> GraphQLError:
    """Return the error with its `extensions.code`; one that is nobody's to read is masked and logged."""
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
    """Whether graphql-core raised the error while it read arguments, variables or the `if` of a directive.

    It gives these errors no class and no code of their own: only the place that they were raised at tells them from an
    upstream's value that does not fit its type.
    """
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__") == _READS_ARGUMENTS:
            return True
        traceback = traceback.tb_next
    cause = error.original_error if isinstance(error, GraphQLError) else None
    return cause is not None and _is_of_arguments(cause)


def _shortened(message: str) -> str:
    """Return a message with its middle left out where it is very long: what is wrong stands at its ends."""
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
