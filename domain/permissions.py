"""What each operation of the API asks for at the door: a role, and a scope of whoever comes with less than all rights.

The table is whole: an operation that is not in it is refused to everybody, and a test fails. What hangs on the thing
itself (whose ticket, which team) is decided behind the door, by `domain.access`.
"""

from enum import StrEnum
from typing import NamedTuple

from domain.people import Role


class Scope(StrEnum):
    """What a key or a service account may be limited to. A person who signed in has all of them."""

    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    EVENTS_READ = "events:read"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    STAFF_READ = "staff:read"
    STAFF_WRITE = "staff:write"
    REPORTS_READ = "reports:read"
    REPORTS_WRITE = "reports:write"
    SLA_READ = "sla:read"
    SLA_WRITE = "sla:write"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    AUDIT_READ = "audit:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ACCOUNT = "account"
    """One's own account: password, sessions, factors, keys. No key is ever given it."""


GRANTABLE = frozenset(Scope) - {Scope.ACCOUNT}
"""The scopes that a key may carry."""

ANYBODY = frozenset(Role)
DESK = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


class Permission(NamedTuple):
    """The roles that may come in, and the scope that is asked for (None: any valid credential does)."""

    roles: frozenset[Role]
    scope: Scope | None


def _table(*rows: tuple[frozenset[Role], Scope | None, str]) -> dict[str, Permission]:
    """Operations by name. Raises ValueError for one that stands in the table twice."""
    table: dict[str, Permission] = {}
    for roles, scope, operations in rows:
        for operation in operations.split():
            if operation in table:
                raise ValueError(f"{operation} stands in the table twice")
            table[operation] = Permission(roles, scope)
    return table


PUBLIC = frozenset(
    [
        *("login", "register", "make_token", "open_browser_session", "refresh_session", "get_token_keys"),
        *("forgot_password", "reset_password", "verify_email", "resend_verification"),
        *("list_oidc_providers", "begin_oidc_login", "end_oidc_login", "exchange_oidc_code", "end_oidc_session"),
        *("show_unsubscribe", "unsubscribe", "show_report_unsubscribe", "unsubscribe_from_report"),
        *("get_shift_feed", "live", "ready", "metrics", "redirect_to_docs"),
    ]
)
"""Operations without sign-in. A shift feed's address is itself the secret, and so is a link in a mail."""

PERMISSIONS = _table(
    (ANYBODY, None, "me"),
    (ANYBODY, Scope.ACCOUNT, "export_own"),
    (
        ANYBODY,
        Scope.ACCOUNT,
        """
        logout logout_everywhere list_sessions revoke_session change_password get_totp begin_totp confirm_totp
        remove_totp
        """,
    ),
    (
        ANYBODY,
        Scope.TICKETS_READ,
        """
        list_tickets get_ticket get_command get_pending get_timeline get_sla_ledger list_categories list_teams
        list_watchers list_attachments download_attachment
        """,
    ),
    (
        ANYBODY,
        Scope.TICKETS_WRITE,
        """
        open_ticket edit_ticket add_reply change_status rate_ticket acknowledge_ticket assign_ticket claim_ticket
        escalate_ticket de_escalate_ticket accept_offer decline_offer snooze_ticket wake_ticket unassign_ticket
        watch_ticket unwatch_ticket add_attachment remove_attachment
        """,
    ),
    (ANYBODY, Scope.EVENTS_READ, "stream_events"),
    (
        ANYBODY,
        Scope.NOTIFICATIONS_READ,
        """
        list_notifications list_notification_groups count_notifications explain_notification get_push_key
        list_push_subscriptions get_notification_preferences preview_notification
        """,
    ),
    (
        ANYBODY,
        Scope.NOTIFICATIONS_WRITE,
        """
        read_notification unread_notification read_notifications add_push_subscription remove_push_subscription
        test_push_subscription set_notification_preferences
        """,
    ),
    (ANYBODY, Scope.TICKETS_READ, "get_ticket_assignment check_sla explain_ticket_event"),
    (ANYBODY, Scope.TICKETS_WRITE, "advance_moment cancel_moment"),
    (ADMINS, Scope.TICKETS_WRITE, "add_category"),
    (
        DESK,
        Scope.STAFF_READ,
        """
        list_agents list_available_agents get_own_agent get_presence get_agent get_hand_over get_agent_performance
        get_skills list_agent_tickets get_team list_shifts get_coverage get_shift_need
        list_current_shifts list_my_shifts list_shift_requests get_shift_request list_rotas get_rota list_time_off
        get_time_off get_shift workload_of_agents workload_predictions workload_summary workload_of_teams
        workload_of_team
        """,
    ),
    (
        DESK,
        Scope.STAFF_WRITE,
        """
        set_presence make_shift_feed revoke_shift_feed ask_shift_request withdraw_shift_request take_shift_request
        ask_time_off withdraw_time_off add_break end_break start_break cancel_break move_break end_shift start_shift
        """,
    ),
    (
        SUPERVISORS,
        Scope.STAFF_WRITE,
        """
        edit_agent set_skills add_shift edit_shift cancel_shift publish_shifts set_shift_need approve_shift_request
        reject_shift_request add_rota edit_rota end_rota approve_time_off reject_time_off edit_team add_team_member
        remove_team_member optimize_workload rebalance_workload run_workload_predictions
        """,
    ),
    (ADMINS, Scope.STAFF_WRITE, "add_agent add_team"),
    (
        DESK,
        Scope.SLA_READ,
        "list_sla_calendars get_sla_calendar test_sla_calendar list_sla_policies get_sla_policy sla_metrics sla_trends",
    ),
    (
        ADMINS,
        Scope.SLA_WRITE,
        """
        add_sla_calendar delete_sla_calendar replace_sla_calendar apply_sla_calendar preview_sla_calendar
        add_sla_policy delete_sla_policy replace_sla_policy reorder_sla_policies apply_sla_policy preview_sla_policy
        get_sla_rollout list_sla_rollout_tickets undo_sla_rollout
        """,
    ),
    (
        DESK,
        Scope.REPORTS_READ,
        """
        report_overview report_queue report_tickets report_agents report_teams report_sla report_escalations
        report_satisfaction report_forecast list_daily_reports get_daily_report drill_down
        """,
    ),
    (SUPERVISORS, Scope.REPORTS_READ, "list_report_mails get_report_mail list_report_mail_runs"),
    (
        SUPERVISORS,
        Scope.REPORTS_WRITE,
        "make_daily_report add_report_mail replace_report_mail delete_report_mail send_report_mail",
    ),
    (DESK, Scope.REPORTS_WRITE, "leave_report_mail return_to_report_mail"),
    (DESK, Scope.PEOPLE_READ, "list_organisations"),
    (ADMINS, Scope.AUDIT_READ, "list_audit_entries decode_payloads encode_payloads"),
    (ADMINS, Scope.PEOPLE_READ, "list_users export_person list_retention"),
    (
        ADMINS,
        Scope.PEOPLE_WRITE,
        """
        add_user edit_user add_organisation edit_organisation erase_person set_retention remove_user_totp
        """,
    ),
    (ADMINS, Scope.WEBHOOKS_READ, "list_webhooks get_webhook list_webhook_deliveries get_webhook_delivery"),
    (
        ADMINS,
        Scope.WEBHOOKS_WRITE,
        """
        add_webhook edit_webhook delete_webhook rotate_webhook_secret test_webhook redeliver_webhook_delivery
        redeliver_webhook_range
        """,
    ),
    (ANYBODY, Scope.ACCOUNT, "list_api_keys add_api_key rotate_api_key revoke_api_key"),
    (ADMINS, Scope.PEOPLE_READ, "list_service_accounts get_service_account list_service_account_keys"),
    (ADMINS, Scope.PEOPLE_WRITE, "add_service_account edit_service_account"),
    # As with one's own keys: no key makes another one.
    (ADMINS, Scope.ACCOUNT, "add_service_account_key rotate_service_account_key revoke_service_account_key"),
)
