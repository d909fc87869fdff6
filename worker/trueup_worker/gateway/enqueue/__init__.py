"""From calls to envelopes and back: coalescing, sending, and waiting for outcomes."""
