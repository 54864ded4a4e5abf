#!/bin/sh
# Makes the namespace and the search attributes that tickets carry. Harmless to repeat.
set -eu
until temporal operator cluster health >/dev/null 2>&1; do
  sleep 1
done
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
# A new namespace is known to all parts of the server after a few seconds.
for attribute in TicketStatus TicketPriority TicketTeam TicketAssignee SlaState; do
  until temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$attribute" --type Keyword; do
    sleep 2
  done
done
until temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name NextDueAt --type Datetime; do
  sleep 2
done
