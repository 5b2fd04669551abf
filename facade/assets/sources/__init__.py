"""Sources of assets: the native API, discovery from reporting rows, an inventory file."""
