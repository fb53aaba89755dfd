"""The control plane: what the API server knows and refuses."""
