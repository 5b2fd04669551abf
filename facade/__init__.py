"""One GraphQL API over Butlr's REST API."""
