"""Named worlds in YAML, shared by notebooks, exercises and tests."""
