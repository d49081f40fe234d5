"""What listens on the network: the nameserver, and the dispatcher of a run with its leases."""
