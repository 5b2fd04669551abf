"""REST paths: the current calls, the ended ones, and the tables of `/export`. Only this package knows REST bodies."""
