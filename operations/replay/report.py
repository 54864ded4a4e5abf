"""What a run tells its caller: the figures, the claims, and what is not as the log says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from operations.replay.figures import Figures
from operations.replay.proof import Verdict

MOST_TOLD = 5
"""Of each claim's problems; a systematic fault would fill the screen."""


@dataclass(frozen=True)
class Result:
    """Of one run: figures, why incidents were not played to their end, the verdicts, events of the run streamed."""

    figures: Figures
    failures: Mapping[str, str]
    verdicts: Sequence[Verdict]
    streamed: int

    @property
    def is_proven(self) -> bool:
        return not self.failures and not any(verdict.problems for verdict in self.verdicts)


def report(result: Result, console: Console) -> None:
    console.print(result.figures.table())
    if result.figures.retries:
        told = ", ".join(f"{why}: {count}" for why, count in sorted(result.figures.retries.items()))
        console.print(f"Repeated requests, by answer: {told}")
    console.print(f"{result.streamed} events of the run came through the stream.")
    console.print(_claims(result.verdicts))
    _tell("NOT PLAYED TO THE END", [f"incident {name}: {why}" for name, why in result.failures.items()], console)
    for verdict in result.verdicts:
        _tell(f"NOT PROVEN: {verdict.claim}", verdict.problems, console)
    if result.is_proven:
        console.print("Proven.", style="green")


def _claims(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Proof")
    table.add_column("claim")
    table.add_column("checked", justify="right")
    table.add_column("problems", justify="right")
    for verdict in verdicts:
        mark = f"[red]{len(verdict.problems)}[/]" if verdict.problems else "[green]none[/]"
        table.add_row(verdict.claim, str(verdict.checked), mark)
    return table


def _tell(headline: str, problems: Sequence[str], console: Console) -> None:
    if not problems:
        return
    console.print(headline, style="red")
    for problem in problems[:MOST_TOLD]:
        console.print(f"  {problem}", markup=False)
    if len(problems) > MOST_TOLD:
        console.print(f"  ... and {len(problems) - MOST_TOLD} more")
