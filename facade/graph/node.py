"""`Node`: the interface of objects with a global id."""

import strawberry

from .fields import described


@strawberry.interface(description="An object with a globally unique id.")
class Node:
    id: strawberry.ID = described("The primary id: the type, an underscore, letters and digits.")
