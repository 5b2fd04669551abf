"""REST paths: the calls that live, those that ended, and the tables of `/export`. REST bodies are known here alone."""
