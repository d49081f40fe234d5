"""Optimisers: what is evaluated next. hpbandster's brackets and model, seeded and vectorised, and other samplers."""
