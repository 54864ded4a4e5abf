"""A workflow that hands payloads to the engine in every way that the product's own do, and some more. Each of them
holds the word that nobody may find in its history."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ActivityError, ApplicationError

SECRET = "Mrs-Planted-Secret"
QUICK = timedelta(seconds=10)


@activity.defn
async def echo(word: str) -> str:
    return f"activity says {word}"


@activity.defn
async def fail(word: str) -> None:
    raise ApplicationError(f"activity cannot: {word}", {"word": word}, type="failed", non_retryable=True)


@workflow.defn
class Child:
    @workflow.run
    async def run(self, word: str) -> str:
        return f"child says {word}"


@workflow.defn
class Secretive:
    @workflow.init
    def __init__(self, word: str, runs: int = 0) -> None:
        self._told: list[str] = []
        self._runs = runs

    @workflow.run
    async def run(self, word: str, runs: int = 0) -> list[str]:
        """Two runs, if it is not told to end at once."""
        workflow.set_current_details(f"waits for {word}")
        workflow.upsert_memo({"latest": word})
        await workflow.sleep(timedelta(milliseconds=1), summary=f"a moment for {word}")
        self._told.append(await workflow.execute_activity(echo, word, start_to_close_timeout=QUICK, summary=word))
        self._told.append(await workflow.execute_local_activity(echo, word, start_to_close_timeout=QUICK))
        self._told.append(await workflow.execute_child_workflow(Child.run, word))
        try:
            await workflow.execute_activity(fail, word, start_to_close_timeout=QUICK)
        except ActivityError as error:
            self._told.append(str(error.cause))
        await workflow.wait_condition(lambda: f"signal: {word}" in self._told)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._runs == 0:
            workflow.continue_as_new(args=[word, 1])
        return self._told

    @workflow.signal
    def tell(self, word: str) -> None:
        self._told.append(f"signal: {word}")

    @workflow.update
    async def ask(self, word: str) -> str:
        if word == "refuse":
            raise ApplicationError(f"will not say {SECRET}", type="refused")
        return await workflow.execute_local_activity(echo, word, start_to_close_timeout=QUICK)

    @workflow.query
    def told(self) -> list[str]:
        return self._told
