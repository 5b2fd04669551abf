"""What faces HTTP: GraphQL, subscriptions, pages, metrics. REST bodies are known in `rest` alone."""
