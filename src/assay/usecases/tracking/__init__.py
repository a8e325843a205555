"""The verbs of tracking: what training code logs, and what people look for afterwards."""
