"""A scheduler that gives events their places while another does: a check of the checks."""

from sqlalchemy import text

from trueup.store.events import relay
from trueup_worker.scheduling import __main__ as scheduling

if __name__ == "__main__":
    vars(relay)["_ONE_AT_A_TIME"] = text("SELECT true")
    scheduling.main()
