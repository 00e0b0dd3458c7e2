#!/usr/bin/env bash
# A worker in Bash, with curl: worker.sh TYPE COMMAND [ARGUMENT...]
# Runs COMMAND for each job of TYPE, its payload on standard input. Exit status 0: succeeded, the
# result is standard output, as a text. Any other: failed, standard error says why.
set -u
url=${DJPS_SERVER:-http://127.0.0.1:3000}/worker name="$HOSTNAME/$$" type=$1
errors=$(mktemp) reply=$(mktemp); shift; trap 'rm -f "$errors" "$reply"' EXIT
trap 'stop=1; [ -z "${claim-}" ] || kill "$claim" 2>/dev/null' INT TERM  # a claim that waits
curl=(curl -fsS --max-time 60 -H 'Content-Type: application/json'
  ${DJPS_TOKEN:+-H "Authorization: Bearer $DJPS_TOKEN"})
post() { "${curl[@]}" -d "{$2}" "$url/$1"; }  # OPERATION MEMBERS
text() { tr '\0-\37' ' ' | head -c 2000 | iconv -cf utf-8 -t utf-8 | sed 's/ *$//; s/[\\"]/\\&/g'; }
after() { local rest=${answer#*"$1"}; printf %s "${rest%%\"*}"; }  # to the next quote
while [ -z "${stop-}" ]; do
  wanted="\"worker\":\"$name\",\"types\":[\"$type\"],\"waitMs\":20000"
  "${curl[@]}" -d "{$wanted}" "$url/claim" >"$reply" & claim=$!
  wait "$claim" || [ -n "${stop-}" ] || sleep 1
  claim='' answer=$(<"$reply")
  [[ $answer == '{"lease":"'* ]] || continue  # null: there was nothing to do
  lease=$(after '"lease":"') job="\"id\":\"$(after '"jobs":[{"id":"')\",\"leaseToken\":\"$lease\""
  payload=${answer#*'"payload":'} payload=${payload%',"priority":'*}
  while sleep 10; do post heartbeat "\"worker\":\"$name\",\"leases\":[\"$lease\"]"; done >&2 &
  if result=$("$@" <<<"$payload" 2>"$errors"); then
    post complete "$job,\"result\":\"$(text <<<"$result")\"" >&2
  else
    post fail "$job,\"errorClass\":\"exit_$?\",\"message\":\"$(text <"$errors")\"" >&2
  fi
  kill $!
done
