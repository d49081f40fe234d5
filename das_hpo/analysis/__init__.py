"""Analysis of stored runs: statistics, comparison, figures, report, and reproduction of the paper."""
