"""The arena: which optimiser should be taken, on real DAS runs and on benchmarks that others wrote."""
