"""The service of a run: nameserver, dispatcher, leases, evaluation queue and recorder."""
