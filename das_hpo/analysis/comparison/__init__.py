"""Runs, campaigns and presets side by side."""
