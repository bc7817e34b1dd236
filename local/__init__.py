"""AWS on one machine: `python -m local <verb>`, and what it runs."""
