#!/bin/sh
# Makes the secrets of compose.yaml in deploy/compose/secrets, once: what is there stays.
set -eu
umask 077
mkdir -p "$(dirname "$0")/secrets"
cd "$(dirname "$0")/secrets"
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
for name in superuser_password owner_password app_password read_password secret_key; do
  [ -e "$name" ] || random >"$name"
done
# The project's own network is nobody else's: its Postgres has no certificate to show.
printf 'postgresql://trueup_owner:%s@postgres:5432/trueup?sslmode=disable' "$(cat owner_password)" >owner_url
printf 'postgresql://trueup_app:%s@postgres:5432/trueup?sslmode=disable' "$(cat app_password)" >app_url
chmod 644 owner_url app_url secret_key # the containers' users read them; the folder is its owner's alone
