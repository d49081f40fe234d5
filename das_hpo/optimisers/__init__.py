"""What is evaluated next: hpbandster's decisions, seeded and vectorised, and their replay."""
