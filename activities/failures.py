"""How a refusal crosses the engine: as an ApplicationError whose type is the refusal's code."""

from temporalio.exceptions import ApplicationError

from domain.errors import DomainError


def failure_of(error: DomainError) -> ApplicationError:
    """The refusal as a failure that is never retried: the same question would get the same answer."""
    return ApplicationError(error.detail, type=error.code, non_retryable=True)


def refusal_of(failure: BaseException | None) -> DomainError | None:
    """The refusal that a failure carries, itself or as its cause; None when it carries a fault."""
    while failure is not None:
        if isinstance(failure, ApplicationError) and failure.type in DomainError.by_code:
            return DomainError.by_code[failure.type](failure.message)
        failure = failure.__cause__
    return None
