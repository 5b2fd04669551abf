"""Files of assets: inventories in YAML, JSON and CSV, and saved answers of the ended calls."""
