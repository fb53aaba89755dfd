"""A first engine, until the full one stands."""
