"""What a stack is set to: read, checked, and typed."""
