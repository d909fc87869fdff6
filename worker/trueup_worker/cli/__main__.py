"""`python -m trueup_worker.cli`: the command, where its script is not on the path."""

from trueup_worker.cli.main import main

main()
