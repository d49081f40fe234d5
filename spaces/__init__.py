"""What can be searched: trials, hyperparameters, architectures, data formations, operations, networks."""
