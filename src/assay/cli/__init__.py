"""The command line: what a person or a pipeline types, over the SDK."""
