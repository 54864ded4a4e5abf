"""All reports and all figures, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from database.escalation_figures import ESCALATION_FIGURES
from database.queue_figures import OVERVIEW_FIGURES
from database.report_figure import Figure
from database.satisfaction_figures import SATISFACTION_FIGURES
from database.sla_report_figures import SLA_FIGURES, TEAM_SLA_FIGURES
from database.staff_figures import AGENT_FIGURES, TEAM_FIGURES
from database.ticket_figures import TICKET_FIGURES

REPORTS: Mapping[str, tuple[Figure, ...]] = MappingProxyType(
    {
        "overview": OVERVIEW_FIGURES,
        "tickets": TICKET_FIGURES,
        "agents": AGENT_FIGURES,
        "teams": TEAM_FIGURES,
        "sla": SLA_FIGURES,
        "team_sla": TEAM_SLA_FIGURES,
        "escalations": ESCALATION_FIGURES,
        "satisfaction": SATISFACTION_FIGURES,
    }
)
"""The figures of each report, in their order."""
FIGURES: Mapping[str, Figure] = MappingProxyType({one.name: one for figures in REPORTS.values() for one in figures})
"""A name means the same figure wherever it stands; a test holds that."""
