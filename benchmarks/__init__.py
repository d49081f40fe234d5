"""Measurements that need time and quiet: not tests. ``python -m benchmarks`` runs all, ``-m benchmarks.NAME`` one."""
