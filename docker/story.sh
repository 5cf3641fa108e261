#!/bin/sh
# One of three nodes: the first has the files and lets the others in, the second reads them on another device of the same
# person, the third is a friend who serves and reads nothing. They share nothing but the network, and a directory through
# which tickets and stubs are carried, as by hand.
#
#     story.sh first|second|third
#
# DFS_HOME, EXCHANGE (the directory that they share) and FOLDER say where; ends with 0 if all went as it should.
set -eu

role=$1
: "${EXCHANGE:=/exchange}" "${FOLDER:=/data/cloud}"
mkdir -p "$FOLDER"

say() { echo "$role: $*"; }

# Waits for what another node puts into the exchange.
await() {
  tries=1200
  until [ -e "$EXCHANGE/$1" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { say "nobody brought $1"; exit 1; }
    sleep 0.1
  done
}

# Puts standard input into the exchange, all at once.
bring() {
  cat > "$EXCHANGE/.$role.$1"
  mv "$EXCHANGE/.$role.$1" "$EXCHANGE/$1"
}

# Lets one device in, and returns when it is.
let_in() {
  name=$1
  shift
  dfs invite --yes "$@" > "$EXCHANGE/.out.$name" &
  inviting=$!
  until grep -q '^dfs join ' "$EXCHANGE/.out.$name"; do
    kill -0 "$inviting"
    sleep 0.1
  done
  sed -n 's/^dfs join //p' "$EXCHANGE/.out.$name" | bring "ticket.$name"
  wait "$inviting"
  say "$name is in"
}

join() {
  await "ticket.$role"
  dfs join "$(cat "$EXCHANGE/ticket.$role")" --name "$role" > /dev/null
  await stubs
  cp "$EXCHANGE"/stubs/*.f "$FOLDER"
}

first() {
  dfs init --name first > /dev/null
  dfs mount "$FOLDER"
  echo 'hello from the first node' > "$FOLDER/letter"
  head -c 20000000 /dev/urandom > "$FOLDER/film"
  sha256sum < "$FOLDER/film" | bring checksum
  dfs umount "$FOLDER"
  say "wrote two files; the folder holds $(du -sk "$FOLDER" | cut -f 1) KiB of stubs"
  let_in second
  let_in third --member
  mkdir "$EXCHANGE/.stubs"
  cp "$FOLDER"/*.f "$EXCHANGE/.stubs"
  dfs mount "$FOLDER"
  mv "$EXCHANGE/.stubs" "$EXCHANGE/stubs"
  await done.second
  await done.third
}

second() {
  join
  dfs mount "$FOLDER"
  [ "$(cat "$FOLDER/letter")" = 'hello from the first node' ]
  [ "$(sha256sum < "$FOLDER/film")" = "$(cat "$EXCHANGE/checksum")" ]
  say 'both files are here, checked and decrypted'
}

third() {
  join
  if dfs cat "$FOLDER/film.f" > /dev/null 2>&1; then
    say 'read what it must not'
    exit 1
  fi
  say "in, with $(dfs devices --json | grep -o '"self"' | wc -l) devices in the network; it reads nothing"
}

# Whatever happens, nothing stays mounted.
trap 'dfs umount "$FOLDER" > /dev/null 2>&1 || true' EXIT
"$role"
say done | bring "done.$role"
