"""HTTP: GraphQL, subscriptions, pages, metrics. Only `rest` knows REST bodies."""
