"""Who evaluates a run: the cluster at hand, and local worker processes."""
