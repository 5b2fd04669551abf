"""`Node`: the interface of objects with a global id."""

import strawberry

from .fields import described


@strawberry.interface(description="What has an id that is known everywhere.")
class Node:
    id: strawberry.ID = described("The primary id: its type, an underscore, letters and digits.")
