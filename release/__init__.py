"""What happens on each release: ordinary Python, testable without Pulumi."""
