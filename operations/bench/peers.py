"""What the best of the comparable products reach over their own HTTP APIs, per second, by requests at once.

Measured on a machine like the one this was built on (two shared cores); the issue of the first step has the whole
table. They are not measured again here, so they tell an order of size, not a percentage.
"""

OPENING = {1: 33.0, 8: 65.0, 32: 66.0}
"""django-helpdesk."""
REPLY = {1: 42.0, 8: 87.0}
"""django-helpdesk's comment."""
STATUS_CHANGE = {1: 15.0, 8: 28.0}
READ_ONE = 57.0
PAGE_OF_50 = 42.0
"""Of a list among 10,000."""
ENGINE_INTAKE = 25.0
"""The bare engine with its disk store as it comes and one worker."""
