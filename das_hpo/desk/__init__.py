"""The desk at which work is handed out and results are taken in, and the books that are kept of it."""
