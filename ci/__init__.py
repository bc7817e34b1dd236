"""What the workflows run, as commands: a person can run them, too."""
