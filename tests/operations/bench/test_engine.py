from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent, MarkerRecordedEventAttributes

from operations.bench.engine import life_of


def event(kind: EventType.ValueType) -> HistoryEvent:
    return HistoryEvent(event_type=kind)


def marker(task: int) -> HistoryEvent:
    return HistoryEvent(
        event_type=EventType.EVENT_TYPE_MARKER_RECORDED,
        marker_recorded_event_attributes=MarkerRecordedEventAttributes(workflow_task_completed_event_id=task),
    )


def test_starts_updates_timers_and_upserts_are_an_action_each_and_tasks_are_none() -> None:
    life = life_of(
        [
            event(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
            event(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
            event(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED),
            event(EventType.EVENT_TYPE_TIMER_STARTED),
            event(EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES),
        ]
    )

    assert (life.events, life.actions) == (5, 4)


def test_the_local_activities_of_one_task_are_one_action_together() -> None:
    assert life_of([marker(4), marker(4), marker(9)]).actions == 2
