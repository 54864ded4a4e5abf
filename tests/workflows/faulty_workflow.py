"""A workflow whose handlers break, for the guard to catch. It stands alone, because the sandbox loads its file anew."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.errors import TicketClosedError


@workflow.defn
class FaultyWorkflow:
    def __init__(self) -> None:
        self._is_over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._is_over)

    @workflow.update
    async def break_at_once(self) -> None:
        raise ValueError("a word that nobody outside may read")

    @workflow.update
    async def break_later(self) -> None:
        await workflow.sleep(0.001)
        raise KeyError("later")

    @workflow.update
    async def refuse(self) -> None:
        raise TicketClosedError("It is closed.")

    @workflow.update
    async def validated(self) -> None: ...

    @validated.validator
    def break_in_validator(self) -> None:
        raise ZeroDivisionError("in the validator")

    @workflow.signal
    async def break_signal(self) -> None:
        raise ValueError("in a signal")

    @workflow.signal
    def finish(self) -> None:
        self._is_over = True
