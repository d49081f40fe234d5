"""What the numbers mean: statistics, comparison, figures, report, reproduction of the paper."""
