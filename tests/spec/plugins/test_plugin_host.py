"""The plugin host: what plugins get, what they may say, and that none of them can hurt the house."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mcppd.core.bus import Bus
from mcppd.core.correlation import correlation_id
from mcppd.core.counters import Counters
from mcppd.core.plugin_host import PluginHost
from mcppd.core.plugin_loader import Refused, made
from mcppd.core.plugin_runner import PluginState
from mcppd.hooks import HOOKS, Candidate, Plugin, Verdict
from mcppd.model.charge_points import Registration
from mcppd.model.commands import Command, CommandResult, Reset, StatusAnswer
from mcppd.model.events import ChargePointRegistered, Event, PluginPaused, TagPresented
from mcppd.model.replies import AuthorizationStatus, DataTransferred, IdTagInfo
from mcppd.model.requests import DataTransfer
from mcppd.model.settings import AuthorizationSettings, PluginsSettings, Settings
from tests.equipment.clock import FakeClock, settle

CANDIDATE = Candidate("CP1", "192.0.2.1")
ACCEPTED = IdTagInfo(AuthorizationStatus.ACCEPTED)
INVALID = IdTagInfo(AuthorizationStatus.INVALID)
BLOCKED = IdTagInfo(AuthorizationStatus.BLOCKED)


class BusyClock(FakeClock):
    """A fake clock on a machine where a hook may hold the loop up."""

    held_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.held_s


@dataclass(frozen=True)
class Sent:
    identity: str
    command: Command
    caller: str
    wait_s: float
    correlation_id: str


class House:
    """A host with all that it needs, and what it did."""

    def __init__(self) -> None:
        self.clock = BusyClock()
        self.bus = Bus()
        self.counters = Counters()
        self.settings = Settings()
        self.published: list[Event] = []
        self.sent: list[Sent] = []
        self.bus.listen(self.published.append)
        self.host = PluginHost(
            self.bus,
            self.clock,
            self.counters,
            lambda: self.settings,
            charge_points=list,
            charge_point=lambda identity: None,
            send=self.send,
        )

    async def send(self, identity: str, command: Command, *, caller: str, wait_s: float = 0.0) -> CommandResult:
        self.sent.append(Sent(identity, command, caller, wait_s, correlation_id.get()))
        return CommandResult("Reset", StatusAnswer("Accepted"), {}, 0.1)

    async def has(self, queue: int = 256, **plugins: object) -> PluginHost:
        for name, plugin in plugins.items():
            self.host.add(made(name, lambda plugin=plugin: plugin, "test"), queue)  # type: ignore[misc]
        await self.host.start()
        return self.host

    async def happens(self, *tags: str) -> None:
        self.bus.publish([self.event(tag) for tag in tags])
        await settle()

    def event(self, tag: str) -> TagPresented:
        return TagPresented(
            charge_point="CP1", at=self.clock.now(), correlation_id=f"id-{tag}", id_tag=tag, status="Accepted"
        )

    def state(self, name: str) -> PluginState:
        return next(status.state for status in self.host.status() if status.name == name)

    @property
    def pauses(self) -> list[PluginPaused]:
        return [event for event in self.published if isinstance(event, PluginPaused)]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    stopping = asyncio.ensure_future(house.host.stop())
    await house.clock.advance(3)
    await stopping


async def in_time(house: House, asked: Any, seconds: float = 0.5) -> Any:
    """The decision, after `seconds` if it takes that long."""
    task = asyncio.ensure_future(asked)
    await house.clock.advance(seconds)
    return await asyncio.wait_for(task, 5)


class Listener:
    """Keeps the tags that it hears of."""

    subscribes = (TagPresented,)

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_event(self, event: Any) -> None:
        self.heard.append(event.id_tag)


class Stuck(Listener):
    """Takes one event and never comes back from it."""

    async def on_event(self, event: Any) -> None:
        await super().on_event(event)
        await asyncio.Event().wait()


class Failing(Listener):
    """Fails while it is told to."""

    fails = True

    async def on_event(self, event: Any) -> None:
        await super().on_event(event)
        if self.fails:
            raise ValueError("broken")


class Authorizer:
    """Authorizes by what the test gives it: an answer, an exception, or a function to call first."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer
        self.asked = 0

    async def authorize(self, charge_point: str, id_tag: str) -> Any:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        if callable(self.answer):
            return await self.answer()
        return self.answer


async def forever() -> None:
    await asyncio.Event().wait()


async def cancelling_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


class TestEvents:
    async def test_come_in_order_and_only_of_the_kinds_subscribed_to(self, house: House) -> None:
        listener = Listener()
        await house.has(listener=listener)
        house.bus.publish([registered(house)])
        await house.happens("A", "B", "C")
        assert listener.heard == ["A", "B", "C"]

    async def test_of_every_kind_come_to_a_plugin_that_does_not_narrow(self, house: House) -> None:
        heard: list[Event] = []

        class Everything:
            async def on_event(self, event: Event) -> None:
                heard.append(event)

        await house.has(everything=Everything())
        house.bus.publish([registered(house)])
        await house.happens("A")
        assert [type(event) for event in heard] == [ChargePointRegistered, TagPresented]

    async def test_bring_their_correlation_id_to_the_commands_that_they_cause(self, house: House) -> None:
        class Resetter(Listener):
            async def start(self, context: Any) -> None:
                self.context = context

            async def on_event(self, event: Any) -> None:
                await self.context.send("CP1", Reset(), wait_s=5.0)
                self.context.spawn(self.later(), "later")

            async def later(self) -> None:
                await self.context.clock.sleep(10)
                await self.context.send("CP1", Reset(hard=True))

        await house.has(resetter=Resetter())
        await house.happens("A")
        await house.clock.advance(10)
        assert house.sent == [
            Sent("CP1", Reset(), "plugin:resetter", 5.0, "id-A"),
            Sent("CP1", Reset(hard=True), "plugin:resetter", 0.0, "id-A"),
        ]

    async def test_reach_a_plain_function_in_a_thread_with_their_correlation_id(self, house: House) -> None:
        heard: list[tuple[bool, str]] = []
        done = threading.Event()

        class Plain:
            def on_event(self, event: Event) -> None:
                heard.append((threading.current_thread() is threading.main_thread(), correlation_id.get()))
                done.set()

        await house.has(plain=Plain())
        await house.happens("A")
        await asyncio.to_thread(done.wait, 5)
        assert heard == [(False, "id-A")]

    async def test_of_a_slow_plugin_are_dropped_and_counted_and_nobody_elses(self, house: House) -> None:
        stuck, listener = Stuck(), Listener()
        host = await house.has(queue=2, stuck=stuck, listener=listener)
        for tag in "ABCDEF":
            await house.happens(tag)
        assert stuck.heard == ["A"]
        assert listener.heard == list("ABCDEF")
        one, other = host.status()
        assert (one.queued, one.dropped, other.queued, other.dropped) == (2, 3, 0, 0)

    async def test_have_thirty_seconds_each(self, house: House) -> None:
        stuck = Stuck()
        await house.has(stuck=stuck)
        await house.happens("A", "B")
        await house.clock.advance(29.9)
        assert stuck.heard == ["A"]
        await house.clock.advance(0.1)
        assert stuck.heard == ["A", "B"]
        assert house.counters.plugin_failures == {"stuck": 1}

    async def test_that_fail_do_not_keep_the_next_from_coming(self, house: House, told: Any) -> None:
        failing = Failing()
        await house.has(failing=failing)
        await house.happens("A", "B")
        assert failing.heard == ["A", "B"]
        assert house.counters.plugin_failures == {"failing": 2}
        (warning,) = told("plugin_failed")  # the second within a minute is only counted
        assert (warning.plugin, warning.hook, warning.reason) == ("failing", "on_event", "raised ValueError: broken")
        await house.clock.advance(60)
        await house.happens("C")
        assert told("plugin_failed")[1].suppressed == 1

    async def test_are_routed_nowhere_once_the_host_stopped(self, house: House) -> None:
        listener = Listener()
        host = await house.has(listener=listener)
        await host.stop()
        await house.happens("A")
        assert listener.heard == []
        assert house.state("listener") is PluginState.STOPPED


class TestAPluginThatKeepsFailing:
    async def test_is_paused_after_five_in_a_row_and_that_is_said(self, house: House, told: Any) -> None:
        failing = Failing()
        host = await house.has(failing=failing)
        await house.happens(*"ABCD")
        assert house.state("failing") is PluginState.RUNNING
        await house.happens(*"EFG")
        assert house.state("failing") is PluginState.PAUSED
        assert failing.heard == list("ABCDE")
        (event,) = house.pauses
        assert (event.plugin, event.charge_point) == ("failing", "")
        assert event.reason == "on_event failed 5 times in a row; at last it raised ValueError: broken"
        (status,) = host.status()
        assert (status.reason, status.failures, status.dropped) == (event.reason, 5, 2)
        assert told("plugin_paused")[0].seconds == 60

    async def test_gets_nothing_for_a_minute_and_then_goes_on(self, house: House) -> None:
        failing = Failing()
        await house.has(failing=failing)
        await house.happens(*"ABCDE")
        failing.fails = False
        await house.clock.advance(59.9)
        await house.happens("F")
        await house.clock.advance(0.1)
        await house.happens("G")
        assert failing.heard == list("ABCDEG")
        assert house.host.status()[0].dropped == 1

    async def test_pauses_twice_as_long_each_time_up_to_an_hour(self, house: House) -> None:
        failing = Failing()
        await house.has(failing=failing)
        for seconds in (60, 120, 240, 480, 960, 1920, 3600, 3600):
            await house.happens(*"ABCDE")
            await house.clock.advance(seconds - 0.1)
            assert house.state("failing") is PluginState.PAUSED
            await house.clock.advance(0.1)
            assert house.state("failing") is PluginState.RUNNING

    async def test_begins_with_a_minute_again_once_it_worked(self, house: House) -> None:
        failing = Failing()
        await house.has(failing=failing)
        await house.happens(*"ABCDE")
        await house.clock.advance(60)
        failing.fails = False
        await house.happens("F")
        failing.fails = True
        await house.happens(*"ABCDE")
        await house.clock.advance(60)
        assert house.state("failing") is PluginState.RUNNING

    async def test_has_five_more_after_each_pause(self, house: House) -> None:
        failing = Failing()
        await house.has(failing=failing)
        await house.happens(*"ABCDE")
        await house.clock.advance(60)
        await house.happens(*"ABCD")
        assert house.state("failing") is PluginState.RUNNING

    async def test_is_not_paused_while_it_works_in_between(self, house: House) -> None:
        failing = Failing()
        await house.has(failing=failing)
        for _ in range(3):
            failing.fails = True
            await house.happens(*"ABCD")
            failing.fails = False
            await house.happens("E")
        assert house.pauses == []

    async def test_is_paused_for_its_decisions_though_its_events_go_well(self, house: House) -> None:
        class Half(Listener):
            async def authorize(self, charge_point: str, id_tag: str) -> None:
                raise ValueError("no")

        host = await house.has(half=Half())
        for _ in range(5):
            await house.happens("A")
            assert await host.authorize("CP1", "A") is None
        assert len(house.pauses) == 1

    async def test_is_not_asked_while_it_is_paused(self, house: House) -> None:
        authorizer = Authorizer(ValueError("no"))
        host = await house.has(authorizer=authorizer)
        assert host.wants("authorize")
        for _ in range(7):
            await host.authorize("CP1", "A")
        assert authorizer.asked == 5
        assert not host.wants("authorize")
        await house.clock.advance(60)
        assert host.wants("authorize")

    async def test_is_passed_over_for_the_next(self, house: House) -> None:
        paused, other = Authorizer(ValueError("no")), Authorizer(BLOCKED)
        host = await house.has(paused=paused, other=other)
        for _ in range(7):
            assert await host.authorize("CP1", "A") == BLOCKED
        assert (paused.asked, other.asked) == (5, 7)

    async def test_is_paused_once_by_decisions_that_fail_together(self, house: House) -> None:
        host = await house.has(authorizer=Authorizer(forever))
        asked = asyncio.gather(*(host.authorize("CP1", "A") for _ in range(12)))
        await house.clock.advance(0.5)
        assert await asked == [None] * 12
        assert len(house.pauses) == 1
        assert house.counters.plugin_failures == {"authorizer": 12}


class TestDecisions:
    async def test_nobody_takes_are_none(self, house: House) -> None:
        host = await house.has(listener=Listener())
        assert await host.admit(CANDIDATE) is None
        assert await host.authorize("CP1", "A") is None
        assert await host.repair("CP1", "Heartbeat", {}) is None
        assert [hook for hook in HOOKS if host.wants(hook)] == []

    async def test_are_of_the_first_that_has_one(self, house: House) -> None:
        first, second, third = Authorizer(None), Authorizer(ACCEPTED), Authorizer(INVALID)
        host = await house.has(first=first, second=second, third=third)
        assert await host.authorize("CP1", "A") == ACCEPTED
        assert (first.asked, second.asked, third.asked) == (1, 1, 0)

    async def test_of_every_kind_reach_the_one_who_asked(self, house: House) -> None:
        class Decided:
            async def admit(self, candidate: Candidate) -> Verdict:
                return Verdict(False, f"{candidate.identity} is not welcome", 404)

            async def data_transfer(self, charge_point: str, request: DataTransfer) -> DataTransferred:
                return DataTransferred("Accepted", f"{charge_point} {request.data}")

            async def repair(self, charge_point: str, action: str, payload: Any) -> Any:
                return {**payload, "repaired": action}

        host = await house.has(decided=Decided())
        assert await host.admit(CANDIDATE) == Verdict(False, "CP1 is not welcome", 404)
        assert await host.data_transfer("CP1", DataTransfer("V", data="x")) == DataTransferred("Accepted", "CP1 x")
        assert await host.repair("CP1", "Heartbeat", {"a": 1}) == {"a": 1, "repaired": "Heartbeat"}
        assert [hook for hook in HOOKS if host.wants(hook)] == ["admit", "data_transfer", "repair"]

    async def test_of_a_plain_function_are_made_in_a_thread(self, house: House) -> None:
        class Plain:
            def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo:
                assert threading.current_thread() is not threading.main_thread()
                return BLOCKED

        host = await house.has(plain=Plain())
        assert await asyncio.wait_for(host.authorize("CP1", "A"), 5) == BLOCKED

    async def test_of_a_plain_function_that_returns_a_coroutine_are_awaited(self, house: House) -> None:
        async def blocked() -> IdTagInfo:
            return BLOCKED

        class Wrapped:
            def authorize(self, charge_point: str, id_tag: str) -> Any:
                return blocked()

        host = await house.has(wrapped=Wrapped())
        assert await asyncio.wait_for(host.authorize("CP1", "A"), 5) == BLOCKED

    async def test_of_an_object_that_is_called_like_a_coroutine_function_are_taken(self, house: House) -> None:
        class Hook:
            async def __call__(self, charge_point: str, id_tag: str) -> IdTagInfo:
                return BLOCKED

        class Odd:
            authorize = Hook()

        host = await house.has(odd=Odd())
        assert await host.authorize("CP1", "A") == BLOCKED

    async def test_too_late_are_cancelled_and_left_to_the_next(self, house: House) -> None:
        ended: list[str] = []

        async def slow() -> None:
            try:
                await forever()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        host = await house.has(slow=Authorizer(slow), quick=Authorizer(BLOCKED))
        asked = asyncio.ensure_future(host.authorize("CP1", "A"))
        await house.clock.advance(0.49)
        assert not asked.done()
        await house.clock.advance(0.01)
        assert await asked == BLOCKED
        assert ended == ["cancelled"]
        assert house.counters.plugin_failures == {"slow": 1}

    async def test_have_the_time_that_the_configuration_gives_now(self, house: House) -> None:
        host = await house.has(slow=Authorizer(forever))
        house.settings = replace(house.settings, plugins=PluginsSettings(decision_timeout=2.0))
        asked = asyncio.ensure_future(host.authorize("CP1", "A"))
        await house.clock.advance(1.9)
        assert not asked.done()
        await house.clock.advance(0.1)
        assert await asked is None

    async def test_too_late_in_a_thread_are_abandoned(self, house: House) -> None:
        release = threading.Event()
        running: list[str] = []

        class Plain:
            def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo:
                running.append(id_tag)
                release.wait(5)
                return ACCEPTED

        host = await house.has(plain=Plain())
        asked = asyncio.gather(*(host.authorize("CP1", tag) for tag in "ABCD"))
        await house.clock.advance(0.5)
        assert await asyncio.wait_for(asked, 5) == [None] * 4
        release.set()
        await settle()
        assert len(running) <= 2  # two threads; what waited behind them was never begun

    async def test_of_those_who_shrug_off_the_cancellation_are_not_waited_for(self, house: House) -> None:
        release = asyncio.Event()

        async def stubborn() -> IdTagInfo:
            try:
                await forever()
            except asyncio.CancelledError:
                await release.wait()
                raise ValueError("too late to matter") from None
            return ACCEPTED

        host = await house.has(stubborn=Authorizer(stubborn))
        assert await in_time(house, host.authorize("CP1", "A")) is None
        release.set()
        await settle()

    @pytest.mark.parametrize(
        "answer",
        [ValueError("x"), SystemExit(3), RecursionError(), cancelling_itself, "Accepted", 7],
        ids=["ValueError", "SystemExit", "RecursionError", "cancelled", "text", "number"],
    )
    async def test_that_are_none_or_no_answer_count_as_failures(self, house: House, answer: object) -> None:
        host = await house.has(bad=Authorizer(answer), good=Authorizer(BLOCKED))
        assert await host.authorize("CP1", "A") == BLOCKED
        assert house.counters.plugin_failures == {"bad": 1}

    @pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), StopIteration(1)], ids=repr)
    async def test_that_fail_in_a_thread_count_as_failures(self, house: House, error: BaseException) -> None:
        class Plain:
            def authorize(self, charge_point: str, id_tag: str) -> None:
                raise error

        host = await house.has(plain=Plain())
        assert await asyncio.wait_for(host.authorize("CP1", "A"), 5) is None
        assert house.counters.plugin_failures == {"plain": 1}

    async def test_of_a_hook_with_other_arguments_count_as_failures(self, house: House) -> None:
        class Odd:
            async def authorize(self) -> None: ...

        host = await house.has(odd=Odd())
        assert await host.authorize("CP1", "A") is None
        assert house.counters.plugin_failures == {"odd": 1}

    @pytest.mark.parametrize(
        ("verdict", "counts"),
        [
            (Verdict(True), True),
            (Verdict(True, status=200), True),
            (Verdict(False, "no", 401), True),
            (Verdict(False, "no", 409), True),
            (Verdict(False, "no", 200), False),
            (True, False),
        ],
    )
    async def test_to_refuse_need_a_status_that_the_door_can_use(
        self, house: House, verdict: Any, counts: bool
    ) -> None:
        class Door:
            async def admit(self, candidate: Candidate) -> Any:
                return verdict

        host = await house.has(door=Door())
        assert await host.admit(CANDIDATE) == (verdict if counts else None)

    async def test_that_nobody_waits_for_any_more_end(self, house: House) -> None:
        ended: list[str] = []

        async def slow() -> None:
            try:
                await forever()
            finally:
                ended.append("ended")

        host = await house.has(slow=Authorizer(slow))
        asked = asyncio.ensure_future(host.authorize("CP1", "A"))
        await settle()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await settle()
        assert ended == ["ended"]
        assert house.counters.plugin_failures == {}


class TestAuthorizationThatNobodyGives:
    """`authorization.fallback`."""

    def invalid(self, house: House) -> None:
        house.settings = replace(house.settings, authorization=AuthorizationSettings(fallback="Invalid"))

    async def test_is_left_to_the_configuration_by_default(self, house: House) -> None:
        host = await house.has(slow=Authorizer(forever))
        assert await in_time(house, host.authorize("CP1", "A")) is None

    async def test_is_invalid_where_the_fallback_says_so(self, house: House) -> None:
        self.invalid(house)
        host = await house.has(slow=Authorizer(forever))
        assert await in_time(house, host.authorize("CP1", "A")) == INVALID

    async def test_is_still_the_next_plugins(self, house: House) -> None:
        self.invalid(house)
        host = await house.has(slow=Authorizer(forever), quick=Authorizer(ACCEPTED))
        assert await in_time(house, host.authorize("CP1", "A")) == ACCEPTED

    async def test_is_left_to_the_configuration_by_one_who_says_none_in_time(self, house: House) -> None:
        self.invalid(house)
        host = await house.has(silent=Authorizer(None))
        assert await host.authorize("CP1", "A") is None

    async def test_is_invalid_while_the_one_who_should_is_paused(self, house: House) -> None:
        self.invalid(house)
        host = await house.has(failing=Authorizer(ValueError("no")))
        for _ in range(5):
            await host.authorize("CP1", "A")
        assert house.state("failing") is PluginState.PAUSED
        assert host.wants("authorize")
        assert await host.authorize("CP1", "A") == INVALID


class Vendor:
    """Registers one handler."""

    def __init__(self, handler: Callable[..., Any], vendor_id: str = "Acme") -> None:
        self.handler, self.vendor_id = handler, vendor_id

    async def start(self, context: Any) -> None:
        context.on_data_transfer(self.vendor_id, self.handler)


class TestDataTransfer:
    REQUEST = DataTransfer("ACME", "hello", "x")

    async def test_of_a_vendor_that_nobody_knows_is_said_to_be(self, house: House) -> None:
        host = await house.has(listener=Listener())
        assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("UnknownVendorId")
        assert not host.wants("data_transfer")

    async def test_goes_to_the_handler_of_its_vendor_in_any_case(self, house: House) -> None:
        async def handler(charge_point: str, request: DataTransfer) -> DataTransferred:
            return DataTransferred("Accepted", f"{charge_point} {request.message_id}")

        host = await house.has(vendor=Vendor(handler))
        assert host.wants("data_transfer")
        assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("Accepted", "CP1 hello")
        assert await host.data_transfer("CP1", DataTransfer("Other")) == DataTransferred("UnknownVendorId")

    async def test_may_be_handled_by_a_plain_function(self, house: House) -> None:
        host = await house.has(vendor=Vendor(lambda charge_point, request: DataTransferred("UnknownMessageId")))
        answer = await asyncio.wait_for(host.data_transfer("CP1", self.REQUEST), 5)
        assert answer == DataTransferred("UnknownMessageId")

    @pytest.mark.parametrize(
        "answer", [None, "Accepted", DataTransferred("Perhaps"), DataTransferred("Accepted", 7)], ids=repr
    )
    async def test_is_rejected_if_the_handler_answers_with_no_answer(self, house: House, answer: object) -> None:
        async def handler(charge_point: str, request: DataTransfer) -> Any:
            return answer

        host = await house.has(vendor=Vendor(handler))
        assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("Rejected")
        assert house.counters.plugin_failures == {"vendor": 1}

    async def test_is_rejected_if_the_handler_fails_and_while_its_plugin_is_paused(self, house: House) -> None:
        calls: list[str] = []

        async def handler(charge_point: str, request: DataTransfer) -> DataTransferred:
            calls.append(charge_point)
            raise ValueError("no")

        host = await house.has(vendor=Vendor(handler))
        for _ in range(7):
            assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("Rejected")
        assert len(calls) == 5

    async def test_is_rejected_if_the_handler_is_late(self, house: House) -> None:
        async def handler(charge_point: str, request: DataTransfer) -> None:
            await forever()

        host = await house.has(vendor=Vendor(handler))
        assert await in_time(house, host.data_transfer("CP1", self.REQUEST)) == DataTransferred("Rejected")

    async def test_has_one_handler_a_vendor(self, house: House, told: Any) -> None:
        async def handler(charge_point: str, request: DataTransfer) -> DataTransferred:
            return DataTransferred("Accepted")

        host = await house.has(first=Vendor(handler), second=Vendor(handler, "ACME"))
        assert house.state("second") is PluginState.FAILED
        assert "plugin first answers vendor 'ACME' already" in told("plugin_not_started")[0].reason
        assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("Accepted")

    async def test_needs_a_vendor_and_a_function(self, house: House) -> None:
        await house.has(nameless=Vendor(print, ""), functionless=Vendor(None))  # type: ignore[arg-type]
        assert house.state("nameless") is house.state("functionless") is PluginState.FAILED

    async def test_of_a_plugin_that_did_not_start_is_nobodys(self, house: House) -> None:
        class Broken(Vendor):
            async def start(self, context: Any) -> None:
                await super().start(context)
                raise ValueError("no")

        host = await house.has(broken=Broken(print))
        assert await host.data_transfer("CP1", self.REQUEST) == DataTransferred("UnknownVendorId")
        assert not host.wants("data_transfer")


class TestLife:
    async def test_begins_with_a_context(self, house: House) -> None:
        got: list[Any] = []

        class Alive:
            async def start(self, context: Any) -> None:
                got.append(context)

        section = {"enabled": True, "colour": "green"}
        house.settings = replace(house.settings, plugins=PluginsSettings(named={"alive": section}))
        await house.has(alive=Alive())
        (context,) = got
        assert (context.name, context.config, context.log.name) == (
            "alive",
            {"colour": "green"},
            "mcppd.plugins.alive",
        )
        assert context.clock is house.clock
        assert context.charge_points() == []
        house.settings = Settings()
        assert context.settings is house.settings
        assert context.config == {}

    async def test_may_begin_in_a_thread_that_uses_the_context(self, house: House) -> None:
        got: list[Any] = []

        class Plain:
            def start(self, context: Any) -> None:
                got.append(context.charge_point("CP1"))
                got.append(context.charge_points())
                context.on_data_transfer("Acme", lambda charge_point, request: DataTransferred("Accepted"))
                context.spawn(self.work(), "work")
                try:
                    context.on_data_transfer("Acme", print)
                except ValueError as error:
                    got.append(str(error))

            async def work(self) -> None:
                got.append("worked")

        host = await house.has(plain=Plain())
        await settle()
        assert sorted(map(str, got)) == sorted(["None", "[]", "plugin plain answers vendor 'Acme' already", "worked"])
        answer = await asyncio.wait_for(host.data_transfer("CP1", DataTransfer("Acme")), 5)
        assert answer == DataTransferred("Accepted")

    @pytest.mark.parametrize("fault", [ValueError("no"), SystemExit(1)], ids=repr)
    async def test_that_cannot_begin_disables_the_plugin_alone(
        self, house: House, told: Any, fault: BaseException
    ) -> None:
        class Broken(Listener):
            async def start(self, context: Any) -> None:
                context.spawn(forever(), "left behind")
                raise fault

        broken, listener = Broken(), Listener()
        host = await house.has(broken=broken, listener=listener)
        await house.happens("A")
        assert (broken.heard, listener.heard) == ([], ["A"])
        assert host.status()[0].state is PluginState.FAILED
        assert host.status()[0].dropped == 1
        assert told("plugin_not_started")[0].plugin == "broken"

    async def test_that_takes_too_long_to_begin_is_given_up_after_ten_seconds(self, house: House) -> None:
        class Slow:
            async def start(self, context: Any) -> None:
                await forever()

        starting = asyncio.ensure_future(house.has(slow=Slow()))
        await house.clock.advance(9.9)
        assert not starting.done()
        await house.clock.advance(0.1)
        await starting
        assert house.state("slow") is PluginState.FAILED

    async def test_ends_with_stop_after_the_events_that_wait(self, house: House) -> None:
        class Ending(Listener):
            async def stop(self) -> None:
                self.heard.append("stop")

        ending = Ending()
        host = await house.has(ending=ending)
        house.bus.publish([house.event("A"), house.event("B")])
        await host.stop()
        assert ending.heard == ["A", "B", "stop"]

    async def test_ends_in_two_seconds_whatever_the_plugins_do(self, house: House, told: Any) -> None:
        class Hanging(Stuck):
            async def start(self, context: Any) -> None:
                context.spawn(forever(), "work")

            async def stop(self) -> None:
                self.heard.append("stop")
                await forever()

        hanging, listener = Hanging(), Listener()
        host = await house.has(hanging=hanging, listener=listener)
        await house.happens("A", "B")
        stopping = asyncio.ensure_future(host.stop())
        await house.clock.advance(1.9)
        assert not stopping.done()
        await house.clock.advance(0.1)
        await stopping
        assert hanging.heard == ["A", "stop"]
        assert told("plugin_events_lost")[0].events == 1

    async def test_ends_even_with_work_that_cannot_be_cancelled(self, house: House, told: Any) -> None:
        release = asyncio.Event()

        class Stubborn:
            async def start(self, context: Any) -> None:
                context.spawn(self.work(), "work")

            async def work(self) -> None:
                while not release.is_set():
                    try:
                        await release.wait()
                    except asyncio.CancelledError:
                        continue

        host = await house.has(stubborn=Stubborn())
        await settle()
        stopping = asyncio.ensure_future(host.stop())
        await house.clock.advance(0.5)
        await stopping
        assert told("plugin_tasks_left")[0].tasks == ["plugin stubborn work"]
        release.set()
        await settle()

    async def test_that_fails_at_the_end_is_told(self, house: House) -> None:
        class Broken:
            async def stop(self) -> None:
                raise ValueError("no")

        host = await house.has(broken=Broken())
        await host.stop()
        assert house.counters.plugin_failures == {"broken": 1}

    async def test_of_a_paused_plugin_ends_too(self, house: House) -> None:
        failing = Failing()
        host = await house.has(failing=failing)
        await house.happens(*"ABCDE")
        await host.stop()
        assert house.clock.pending == 0


class TestWorkBeside:
    class Worker(Listener):
        async def start(self, context: Any) -> None:
            self.context = context

    async def test_ends_with_the_plugin(self, house: House) -> None:
        worker = self.Worker()
        host = await house.has(worker=worker)
        ended: list[str] = []

        async def work() -> None:
            try:
                await forever()
            finally:
                ended.append("ended")

        worker.context.spawn(work(), "work")
        await settle()
        await host.stop()
        assert ended == ["ended"]
        with pytest.raises(RuntimeError, match="has ended"):
            worker.context.spawn(work(), "more")

    async def test_can_be_cancelled_even_before_it_began(self, house: House) -> None:
        worker = self.Worker()
        await house.has(worker=worker)
        worker.context.spawn(forever(), "work").cancel()
        await settle()
        assert house.counters.plugin_failures == {}

    async def test_that_fails_counts_and_pauses_like_a_hook(self, house: House) -> None:
        async def bad() -> None:
            raise ValueError("no")

        async def good() -> None:
            pass

        worker = self.Worker()
        await house.has(worker=worker)
        for work in (bad, bad, bad, bad, good, bad, bad, bad, bad):
            worker.context.spawn(work(), "work")
            await settle()
        assert house.counters.plugin_failures == {"worker": 8}
        assert house.pauses == []
        worker.context.spawn(bad(), "work")
        await settle()
        assert house.pauses[0].reason == (
            "spawn failed 5 times in a row; at last it began plugin worker work, which raised ValueError: no"
        )

    async def test_is_bounded(self, house: House) -> None:
        worker = self.Worker()
        await house.has(worker=worker)
        for _ in range(1024):
            worker.context.spawn(forever(), "work")
        with pytest.raises(RuntimeError, match="more than 1024 tasks"):
            worker.context.spawn(forever(), "one too many")


class TestAHookThatHoldsTheLoopUp:
    async def test_is_told_and_counted(self, house: House, told: Any) -> None:
        async def holding() -> IdTagInfo:
            house.clock.held_s += 0.15
            await asyncio.sleep(0)
            house.clock.held_s += 0.05
            return BLOCKED

        host = await house.has(holding=Authorizer(holding))
        assert await host.authorize("CP1", "A") == BLOCKED
        (warning,) = told("plugin_blocked_loop")
        assert (warning.plugin, warning.hook, warning.duration_ms) == ("holding", "authorize", 150)
        assert house.counters.plugin_failures == {"holding": 1}
        assert host.status()[0].blocked == 1
        assert house.state("holding") is PluginState.RUNNING

    async def test_is_not_one_that_waits(self, house: House, told: Any) -> None:
        async def waiting() -> IdTagInfo:
            await house.clock.sleep(0.3)
            return BLOCKED

        host = await house.has(waiting=Authorizer(waiting))
        assert await in_time(house, host.authorize("CP1", "A")) == BLOCKED
        assert told("plugin_blocked_loop") == []

    async def test_hears_of_what_it_awaits_as_ever(self, house: House) -> None:
        async def failing() -> None:
            await asyncio.sleep(0)
            raise KeyError("x")

        async def catching() -> IdTagInfo:
            try:
                await asyncio.ensure_future(failing())
            except KeyError:
                return BLOCKED
            return ACCEPTED

        host = await house.has(catching=Authorizer(catching))
        assert await host.authorize("CP1", "A") == BLOCKED


class TestWhatIsAPlugin:
    def test_it_has_a_hook(self) -> None:
        with pytest.raises(Refused, match="has none of the hooks start, stop, on_event"):
            made("empty", object, "test")

    def test_hooks_inherited_from_the_protocol_are_none(self) -> None:
        class Inherits(Plugin):
            async def on_event(self, event: Event) -> None:
                pass

        assert made("inherits", Inherits, "test").hooks == {"on_event"}

    @pytest.mark.parametrize("subscribes", [TagPresented, [TagPresented], ("TagPresented",), (int,)], ids=repr)
    def test_it_subscribes_to_event_classes(self, subscribes: object) -> None:
        class Odd(Listener):
            pass

        Odd.subscribes = subscribes  # type: ignore[assignment]
        with pytest.raises(Refused, match="tuple of event classes"):
            made("odd", Odd, "test")


def registered(house: House) -> ChargePointRegistered:
    return ChargePointRegistered(charge_point="CP1", at=house.clock.now(), registration=Registration.ACCEPTED)
