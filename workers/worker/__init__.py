"""A worker's life: asking for work, computing, heartbeats, reporting."""
