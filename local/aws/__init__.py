"""A Pulumi resource plugin for AWS that works against a local emulator instead of AWS."""
