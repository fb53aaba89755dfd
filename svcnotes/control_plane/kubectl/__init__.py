"""kubectl: what it sends, and what it prints."""
