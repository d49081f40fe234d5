"""Campaigns: trials of given configurations and of the paper's baselines."""
