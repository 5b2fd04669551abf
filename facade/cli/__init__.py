"""The `facade` command."""
