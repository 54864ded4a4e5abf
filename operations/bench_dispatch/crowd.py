"""One round as big as they come: how long it takes to load, match and explain, and how far it is from the optimum."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

from activities.matching import solve
from database.dispatch import DispatchStore
from database.shifts import ShiftStore
from database.sla_terms import SlaTermsStore
from domain.assignment_reasons import Decision, decision
from domain.assignment_round import Matching, match
from domain.dispatch import Board, asked_candidates, plan, waiting_ticket
from domain.ids import DecisionId
from operations.bench.figure import Figure
from operations.bench.ground import Ground
from operations.bench.reads import FILL
from operations.bench_dispatch.team import make_team

WITHOUT_LIMIT = 1_000_000_000
_DIFFER = """
update tickets set team = $1, category = (array['technical', 'billing', 'general'])[1 + number % 3],
    priority = case when number % 33 = 0 then 'urgent' when number % 8 = 0 then 'high' when number % 3 = 0 then 'low'
        else 'normal' end,
    required_skills = array['skill-' || (number * 7919 % 14) || ':' || (1 + number * 31 % 3)],
    estimated_minutes = 5 + number * 104729 % 85
where number > $2
"""
"""Tickets that are not alike, for a round of equal ones is easy."""
_SKILLS = """
insert into agent_skills (person_id, skill, level)
select person_id, 'skill-' || ((place * $2::int + $3::int) % 14), 1 + (place * 13 + $3::int) % 5
from (select person_id, row_number() over (order by person_id) as place from team_members where team = $1) a
on conflict do nothing
"""


async def measure_crowd(ground: Ground, tickets: int, agents: int, capacity: int) -> list[Figure]:
    """The round is planned here, by the dispatcher's own code on the real tables; no ticket is told of it."""
    team = await make_team(ground, "crowd", agents, capacity)
    await ground.pool.execute(_SKILLS, team.slug, 1, 0)
    await ground.pool.execute(_SKILLS, team.slug, 5, 3)
    (like,) = await ground.running_tickets(1)
    last: int = await ground.pool.fetchval("select last_value from ticket_numbers")
    await ground.pool.execute(FILL, like, tickets)
    await ground.pool.execute(_DIFFER, team.slug, last)
    await ground.pool.execute("analyze tickets, agents, agent_skills")
    store = DispatchStore(ground.pool, ShiftStore(ground.pool), SlaTermsStore(ground.pool))
    began, now = time.perf_counter(), datetime.now(UTC)
    board = await store.board(team.slug, now)
    assert board is not None, "the team was made just now"
    loaded = time.perf_counter()
    ours = await asyncio.to_thread(_matched, board, now)
    matched = time.perf_counter()
    decisions = await asyncio.to_thread(_explained, board, ours, now)
    explained = time.perf_counter()
    await store.keep([(DecisionId(uuid4()), one) for one in decisions], team.slug)
    kept = time.perf_counter()
    planned = await asyncio.to_thread(plan, board, now, solve)
    done = time.perf_counter()
    exact = await asyncio.to_thread(_matched, board, now, WITHOUT_LIMIT)
    solved = time.perf_counter()
    name = f"round of {len(board.queued):,}, {agents} agents of {capacity}"
    return [
        Figure(name, "s to load", loaded - began),
        Figure(name, "s to match", matched - loaded),
        Figure(name, "s to explain", explained - matched),
        Figure(name, "s to keep reasons", kept - explained),
        Figure(name, "s to plan it all", done - kept),
        Figure(name, "s, the exact match", solved - done),
        Figure(name, "orders", len(planned.orders)),
        Figure(name, "given out", len(ours.pairs)),
        Figure(name, "given out, exactly", len(exact.pairs)),
        Figure(name, "% short of optimum", gap(ours, exact) * 100),
    ]


def gap(ours: Matching, exact: Matching) -> float:
    """The share of the optimum's worth that is missed."""
    best = _worth(exact)
    return 1 - _worth(ours) / best if best else 0.0


def _worth(matching: Matching) -> float:
    return sum(pair.score.total for pair in matching.pairs)


def _explained(board: Board, matching: Matching, now: datetime) -> list[Decision]:
    candidates, weights = asked_candidates(board, now), board.rules.score
    return [
        decision(pair.ticket, candidates, now, weights, chosen_id=pair.candidate_id, chosen_score=pair.score)
        for pair in matching.pairs
    ]


def _matched(board: Board, now: datetime, max_cells: int | None = None) -> Matching:
    wanted = [waiting_ticket(one, board.rules, now) for one in board.queued]
    candidates, weights = asked_candidates(board, now), board.rules.score
    if max_cells is None:
        return match(wanted, candidates, now, weights, solve)
    return match(wanted, candidates, now, weights, solve, max_cells=max_cells)
