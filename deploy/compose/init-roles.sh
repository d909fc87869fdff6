#!/bin/sh
# Run by the image of Postgres when its data folder is empty: the database and its roles, with the mounted passwords.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
  -v owner_password="$(cat /run/secrets/owner_password)" \
  -v app_password="$(cat /run/secrets/app_password)" \
  -v read_password="$(cat /run/secrets/read_password)" \
  -f /trueup/roles.sql
