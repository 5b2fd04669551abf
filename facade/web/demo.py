"""The sandbox's credentials. They are not secret, since its data is made up."""

DEMO = {
    "username": "demo@example.com",
    "password": "demo-password",
    "client_id": "demo-client",
    "client_secret": "demo-secret",
}
