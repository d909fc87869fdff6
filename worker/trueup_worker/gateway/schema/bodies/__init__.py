"""Bodies and queries of calls other than creates, by noun: the SDK's parameters, and nothing else."""
