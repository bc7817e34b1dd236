"""What the local Pulumi plugins share: the protocol, values, the types of inputs, comparison."""
