-- The database of Trueup and its three roles, made once by an administrator:
--   psql "$ADMIN_URL" -v owner_password=… -v app_password=… -v read_password=… -f deploy/postgres/roles.sql
\set ON_ERROR_STOP on
CREATE ROLE trueup_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE trueup_app LOGIN PASSWORD :'app_password';
CREATE ROLE trueup_read LOGIN PASSWORD :'read_password';
CREATE DATABASE trueup OWNER trueup_owner ENCODING 'UTF8' TEMPLATE template0;
