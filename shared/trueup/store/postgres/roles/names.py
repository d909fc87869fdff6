"""The database's roles by name: who migrates, who works, who reads; `grants` says what they may."""

OWNER, APP, READ = ROLES = ("trueup_owner", "trueup_app", "trueup_read")
