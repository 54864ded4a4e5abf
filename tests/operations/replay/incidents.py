"""Incidents for the tests of the replay: an ordinary one, and whatever differs from it."""

from operations.replay.log import Incident

ORDINARY: dict[str, object] = {
    "ticket": "A1",
    "arrival_offset_s": 60,
    "priority": 3,
    "category": "26",
    "subcategory": "9",
    "contact_type": "Phone",
    "first_group": "70",
    "final_group": "70",
    "resolver": "11",
    "reassignments": 0,
    "reopens": 0,
    "log_steps": 2,
    "pending_s": 0,
    "first_assigned_s": 300,
    "resolution_s": 3600,
    "closed_s": 400_000,
}


def incident(**different: object) -> Incident:
    return Incident.model_validate(ORDINARY | different)
