"""Who may log in to the sandbox: no secret, for all that it tells is made up."""

DEMO = {
    "username": "demo@example.com",
    "password": "demo-password",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
}
