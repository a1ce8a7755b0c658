#!/bin/sh
# Makes what docker-compose.yml reads as secrets: users.acl for Redis, and a URL with a password for each service.
#
#     sh deploy/compose/secrets.sh [FOLDER]          default: deploy/compose/secrets, which git ignores
#
# Passwords are new with each run, so it refuses a folder that has some: changing them means to restart Redis and the services.
# Files can be read by everybody, because containers have other users, but the folder lets nobody else in.
set -eu

here=$(dirname "$0")
folder=${1:-$here/secrets}
if [ -e "$folder/users.acl" ]; then
    echo "$folder has secrets already; remove it first to have new ones" >&2
    exit 1
fi
mkdir -p "$folder"
chmod 700 "$folder"

password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
digest() { printf %s "$1" | sha256sum | cut -c-64; }

scheduler=$(password)
worker=$(password)
operator=$(password)

sed -e "/^user docugen-scheduler /s/#0*/#$(digest "$scheduler")/" \
    -e "/^user docugen-worker /s/#0*/#$(digest "$worker")/" "$here/../redis/users.acl" >"$folder/users.acl"
# Two more: one for redis-cli, one that may only ask whether Redis answers, for its health check.
cat >>"$folder/users.acl" <<USERS
user operator on #$(digest "$operator") allkeys allchannels +@all
user health on nopass resetkeys resetchannels -@all +ping
USERS

printf %s "redis://docugen-scheduler:$scheduler@redis:6379/0" >"$folder/scheduler-redis-url"
printf %s "redis://docugen-worker:$worker@redis:6379/0" >"$folder/worker-redis-url"
printf %s "$operator" >"$folder/operator-password"
chmod 444 "$folder"/*
echo "made users.acl, scheduler-redis-url, worker-redis-url and operator-password in $folder"
