"""Moving in: reading other registries, and the record of what was moved from them."""
