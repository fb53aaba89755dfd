"""Pure functions from values to words, tables and pictures."""
