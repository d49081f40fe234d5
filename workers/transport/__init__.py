"""What crosses the network: messages, the wire, keys and TLS."""
