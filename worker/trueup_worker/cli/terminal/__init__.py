"""The terminal: options, arguments, output and exit codes of all commands."""
