"""The one error of this package: a fault that an operator can do something about."""


class StackError(Exception):
    """What is wrong and what to do about it, in one sentence that is shown as it is."""
