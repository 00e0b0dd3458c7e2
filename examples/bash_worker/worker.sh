#!/usr/bin/env bash
# A worker in Bash, with curl: worker.sh TYPE COMMAND [ARGUMENT...]
# Runs COMMAND for each job of TYPE, its payload on standard input. Exit status 0: succeeded, the
# result is standard output, as a text. Any other: failed, standard error says why.
set -u
url=${DJPS_SERVER:-http://127.0.0.1:3000}/worker name="$HOSTNAME/$$" type=$1 errors=$(mktemp)
shift
trap 'rm -f "$errors"' EXIT
trap 'stop=1' INT TERM
post() {  # OPERATION MEMBERS
  curl -fsS --max-time 60 -H 'Content-Type: application/json' \
    ${DJPS_TOKEN:+-H "Authorization: Bearer $DJPS_TOKEN"} -d "{$2}" "$url/$1"
}
text() { tr '\0-\37' ' ' | head -c 2000 | iconv -cf utf-8 -t utf-8 | sed 's/ *$//; s/[\\"]/\\&/g'; }
after() { local rest=${answer#*"$1"}; printf %s "${rest%%\"*}"; }  # to the next quote
while [ -z "${stop-}" ]; do
  answer=$(post claim "\"worker\":\"$name\",\"types\":[\"$type\"],\"waitMs\":20000") || sleep 1
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
