"""One trial from its spec to its outcome: search, discretisation, retraining, validation."""
