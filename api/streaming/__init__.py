"""The event stream behind its route: one reader of the log, many subscribers, bytes that are made once."""
