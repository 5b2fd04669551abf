"""The arguments and options that several commands have."""

from typing import Annotated

import typer

DocumentFile = Annotated[str, typer.Argument(metavar="FILE|-", help="The document; - reads stdin.")]
Variables = Annotated[
    str | None, typer.Option(metavar="JSON|@FILE", help="The variables: a JSON object, or a file of one.")
]
OperationName = Annotated[str | None, typer.Option(metavar="NAME", help="The operation, if there are several.")]
Token = Annotated[str | None, typer.Option(envvar="BUTLR_TOKEN", metavar="TOKEN", help="Read with this token.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Read a simulated upstream.")]
FacadeUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Use a running facade, such as http://127.0.0.1:8000.")
]
