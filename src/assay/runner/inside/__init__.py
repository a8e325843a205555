"""Scripts that run inside the sandbox, in the model's own Python; nothing here imports the registry."""
