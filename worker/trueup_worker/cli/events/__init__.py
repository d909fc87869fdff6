"""Commands that tell what happened."""
