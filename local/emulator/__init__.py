"""AWS on one machine: ministack as a child process, with the gaps closed that would let a release pass falsely."""
