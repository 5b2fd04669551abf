"""What faces HTTP: the GraphQL endpoint, GraphiQL, health. Nothing here knows a REST body of the upstream."""
