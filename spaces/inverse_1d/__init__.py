"""The paper's problem: data formations, candidate operations, networks, architectures."""
