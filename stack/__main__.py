"""`python -m stack`: the whole system in the foreground until Ctrl-C or SIGTERM."""

import asyncio
import os
import signal
import sys

from pydantic import ValidationError

from settings import Settings, UnsafeSettingsError, refuse_unsafe
from stack.errors import StackError
from stack.lock import StackLock
from stack.supervisor import Supervisor
from stack.system import System

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(line: str) -> None:
    """To whoever watches; nobody may be left when the terminal is closed."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the rest of the process


def main() -> int:
    """The exit code: 0 when it was asked to stop, 1 when something is wrong, said in one sentence."""
    try:
        settings = Settings()
        refuse_unsafe(settings)
        with StackLock(settings.data_dir.resolve()):
            asyncio.run(_run(settings))
    except ValidationError as error:
        wrong = "; ".join(f"{str(issue['loc'][0]).upper()}: {issue['msg']}" for issue in error.errors())
        return _fail(f"A setting has no usable value: {wrong}.")
    except (StackError, UnsafeSettingsError) as error:
        return _fail(str(error))
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


async def _run(settings: Settings) -> None:
    data_dir = settings.data_dir.resolve()
    supervisor = Supervisor(data_dir / "logs", say=say)
    asked = asyncio.Event()

    def ask() -> None:
        if not asked.is_set():
            asked.set()
            say("\nStopping. Once more stops at once.")
        else:
            supervisor.hurry()

    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, ask)
    system = System(settings, supervisor, say=say)
    say(f"Smart Ticketing is starting; its data is in {data_dir}.")
    async with supervisor:
        starting = asyncio.create_task(_start(system))
        stopping = asyncio.create_task(asked.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await stopping
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
    say("Stopped.")


async def _start(system: System) -> None:
    await system.start()
    say(await system.summary())


if __name__ == "__main__":
    sys.exit(main())
