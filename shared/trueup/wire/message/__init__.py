"""The message that carries requests: its envelope, its signature, its queue and its task."""
