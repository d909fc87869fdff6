"""The embedded servers: Postgres and Valkey from wheels, run as an unprivileged user where that is needed."""
