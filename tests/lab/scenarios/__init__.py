"""What the network does, and what must be concluded: one row a scenario.

Law: names and addresses of different rows differ, so that rows can be merged into one world (`spec.merged`), those
apart whose access, resolver or redirected ports concern every name.
"""

from tests.lab.scenarios.blocked import BLOCKED
from tests.lab.scenarios.ok import OK
from tests.lab.scenarios.other import OTHER
from tests.lab.scenarios.pages import PAGES
from tests.lab.scenarios.portals import PORTALS
from tests.lab.scenarios.recognised import RECOGNISED
from tests.lab.scenarios.scenario import Control, Scenario

SCENARIOS: tuple[Scenario, ...] = (*OK, *BLOCKED, *OTHER, *PAGES, *RECOGNISED, *PORTALS)

__all__ = ["BLOCKED", "OK", "OTHER", "PAGES", "PORTALS", "RECOGNISED", "SCENARIOS", "Control", "Scenario"]
