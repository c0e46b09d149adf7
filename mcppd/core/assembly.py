"""Core, put together: who knows whom. The composition root builds it over the real clock, the tests over theirs."""

import uuid
from collections.abc import Callable, Sequence

from mcppd.core.answering import Answering
from mcppd.core.archive import Archive
from mcppd.core.bus import Bus
from mcppd.core.central_system import CentralSystem
from mcppd.core.counters import Counters
from mcppd.core.housekeeping import Housekeeping
from mcppd.core.operations import Operations
from mcppd.core.orphans import Orphans
from mcppd.core.plugin_host import PluginHost
from mcppd.core.presence import Presence
from mcppd.core.setup import Setup
from mcppd.core.site import Site
from mcppd.core.tasks import Tasks
from mcppd.core.turn import Services
from mcppd.db.database import Database
from mcppd.hooks import Clock
from mcppd.model.charge_points import Registration
from mcppd.model.events import Event
from mcppd.model.settings import Settings
from mcppd.ocpp.dialect import Dialect

TASKS_GRACE_S = 0.5
"""At the end: how long what still runs may take. What it has submitted to the database is stored all the same."""


class Core:
    """`start` before the first link is accepted, `stop` after the last one was closed."""

    central: CentralSystem
    operations: Operations
    setup: Setup

    def __init__(
        self,
        settings: Callable[[], Settings],
        database: Database,
        clock: Clock,
        dialects: Sequence[Dialect],
        *,
        clock_is_set: Callable[[], bool] = lambda: True,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._settings = settings
        self.clock = clock
        self.database = database
        self.bus = Bus()
        self.counters = Counters()
        self.tasks = Tasks()
        self.site = Site()
        self.presence = Presence(clock, database, self.tasks)
        self.orphans = Orphans(clock, database, self.bus, self.tasks, settings)
        self.plugins = PluginHost(
            self.bus,
            clock,
            self.counters,
            settings,
            charge_points=lambda: self.central.views(),
            charge_point=lambda identity: self.central.view(identity),
            send=lambda identity, command, *, caller, wait_s=0.0: self.operations.send(
                identity, command, caller=caller, wait_s=wait_s
            ),
        )
        services = Services(
            settings=settings,
            clock=clock,
            database=database,
            plugins=self.plugins,
            orphans=self.orphans,
            presence=self.presence,
            repeats=self.site.repeats,
            clock_is_set=clock_is_set,
            begin_setup=lambda link: self.setup.begin(link, settings()),
        )
        answering = Answering(services, self.bus, self.counters, run_id=uuid.uuid4().hex[:6])
        self.central = CentralSystem(
            services, answering, self.site, self.bus, self.counters, self.tasks, dialects, new_id
        )
        self.operations = Operations(self.central, database, self.bus, clock, self.tasks)
        self.setup = Setup(self.operations, clock)
        self.archive = Archive(database, self.site, clock)
        self.housekeeping = Housekeeping(clock, database, self.tasks, settings)
        self.bus.listen(self._count)

    async def start(self) -> None:
        """Take up where the last run ended: sites, open transactions, orphans; then the plugins."""
        self.site.restore(self.database, self.clock.now())
        self.apply_registrations()
        for charge_point in self.site:
            for connector in charge_point.connectors():
                self.orphans.restored(charge_point, connector)
        self.plugins.load(self._settings().plugins)
        await self.plugins.start()
        self.housekeeping.start()

    def apply_registrations(self) -> None:
        """The configuration's word on a charge point holds from its next BootNotification on."""
        for charge_point in self.site:
            registration = self._settings().of(charge_point.identity).registration
            charge_point.registration = registration or Registration.ACCEPTED

    async def stop(self) -> None:
        """Hand the plugins what happened, store who was last seen, end all that runs: within three seconds.

        `central.close` comes before, and the end of all links.
        """
        self.housekeeping.stop()
        await self.plugins.stop()
        self.orphans.close()
        self.tasks.spawn(self.presence.write(), "presence")
        await self.tasks.stop(TASKS_GRACE_S)
        self.presence.close()

    def _count(self, event: Event) -> None:
        self.counters.events[type(event).__name__] += 1
