"""The reconnect controller by itself: states, waits, the online flag, counters."""

import itertools

import pytest

from mcppd.simulator.errors import IllegalTransition, Offline
from mcppd.simulator.reconnect import TRANSITIONS, Backoff, Reconnect, State, Step


def controller(chance: float = 0.5) -> Reconnect:
    return Reconnect(Backoff(), 0.25, lambda: chance)


def connected(control: Reconnect, now_s: float = 0.0) -> int:
    link = control.dial()
    control.opened(now_s)
    return link


def online(control: Reconnect) -> int:
    link = connected(control)
    control.accepted(link)
    assert control.resume(link)
    return link


class TestBackoff:
    def test_wait_starts_at_half_a_second_doubles_and_stays_at_thirty(self):
        waits = [Backoff().delay_s(failures, 0.5) for failures in range(1, 10)]
        assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]

    @pytest.mark.parametrize("failures", range(1, 12))
    @pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 0.9, 1.0])
    def test_jitter_stays_within_a_fifth_and_under_the_cap(self, failures, chance):
        backoff = Backoff()
        nominal = backoff.nominal_s(failures)
        assert 0.8 * nominal <= backoff.delay_s(failures, chance) <= min(1.2 * nominal, 30.0)

    def test_jitter_reaches_both_bounds(self):
        assert Backoff().delay_s(3, 0.0) == pytest.approx(1.6)
        assert Backoff().delay_s(3, 1.0) == pytest.approx(2.4)

    def test_waits_at_the_cap_are_still_spread(self):
        waits = {round(Backoff().delay_s(20, chance / 10), 6) for chance in range(11)}
        assert len(waits) > 5

    def test_endless_failure_does_not_overflow(self):
        assert Backoff().delay_s(10**6, 0.5) == 30.0

    def test_failed_dials_grow_the_wait_and_an_opened_link_alone_does_not_set_it_back(self):
        control = controller()
        waits = []
        for _ in range(3):
            control.dial()
            waits.append(control.failed("refused"))
        connected(control)
        waits.append(control.lost("gone", 1.0))
        assert waits == [0.5, 1, 2, 4]

    def test_accepted_boot_sets_the_wait_back(self):
        control = controller()
        for _ in range(5):
            control.dial()
            control.failed("refused")
        online(control)
        assert control.lost("gone", 1.0) == 0.5

    def test_link_that_carries_on_sets_the_wait_back_with_its_first_answered_call(self):
        control = controller()
        for _ in range(5):
            control.dial()
            control.failed("refused")
        link = connected(control)
        control.carry_on(link)
        control.answered(link)
        assert control._failures == 5
        control.resume(link)
        control.answered(link)
        assert control.lost("gone", 1.0) == 0.5


class TestStates:
    def test_every_step_not_in_the_table_is_refused(self):
        steps = {
            Step.DIAL: lambda control: control.dial(),
            Step.OPENED: lambda control: control.opened(0.0),
            Step.FAILED: lambda control: control.failed("x"),
            Step.CLOSE: lambda control: control.close("x"),
            Step.LOST: lambda control: control.lost("x", 0.0),
        }
        for state, step in itertools.product(State, Step):
            control = controller()
            control.state = state
            if (state, step) in TRANSITIONS:
                steps[step](control)
                assert control.state is TRANSITIONS[state, step]
            else:
                with pytest.raises(IllegalTransition, match=f"{state} has no step {step}"):
                    steps[step](control)
                assert control.state is state

    def test_second_dial_while_one_is_in_flight_is_refused(self):
        control = controller()
        control.dial()
        with pytest.raises(IllegalTransition):
            control.dial()
        assert control.statistics.attempts == 1


class TestOnline:
    def test_opened_link_may_send_a_boot_notification_and_nothing_else(self):
        control = controller()
        link = connected(control)
        assert control.permit("BootNotification") == link
        with pytest.raises(Offline, match="not accepted yet"):
            control.permit("Heartbeat")

    def test_nothing_but_boot_is_sent_before_the_resume_delay_has_passed(self):
        control = controller()
        link = connected(control)
        assert control.accepted(link) == 0.25
        with pytest.raises(Offline, match="resume delay"):
            control.permit("Heartbeat")
        with pytest.raises(Offline, match="resume delay"):
            control.permit("Heartbeat", asked_for=True)
        assert control.resume(link)
        assert control.permit("Heartbeat") == link

    def test_triggered_message_may_go_while_pending(self):
        control = controller()
        link = connected(control)
        control.suspend(link)
        assert control.permit("Heartbeat", asked_for=True) == link

    def test_pending_takes_the_online_flag_away(self):
        control = controller()
        link = online(control)
        control.suspend(link)
        assert not control.online

    @pytest.mark.parametrize("ending", ["close", "lost"])
    def test_online_ends_with_the_link(self, ending):
        control = controller()
        online(control)
        control.close("x") if ending == "close" else control.lost("x", 1.0)
        assert not control.online
        with pytest.raises(Offline, match="Closing" if ending == "close" else "Disconnected"):
            control.permit("BootNotification")

    def test_what_belongs_to_an_older_link_changes_nothing(self):
        control = controller()
        old = connected(control)
        control.lost("gone", 1.0)
        connected(control)
        assert control.accepted(old) is None
        assert control.carry_on(old) is None
        assert control.resume(old) is False
        assert not control.online

    def test_resume_delay_of_an_old_link_does_not_put_the_new_one_online(self):
        control = controller()
        old = connected(control)
        control.accepted(old)
        control.lost("gone", 1.0)
        new = connected(control)
        control.accepted(new)
        assert control.resume(old) is False
        assert not control.online


class TestCounters:
    def test_attempts_last_reason_and_duration_are_kept(self):
        control = controller()
        control.dial()
        control.failed("refused with HTTP 404")
        assert (control.statistics.attempts, control.statistics.last_reason) == (1, "refused with HTTP 404")
        connected(control, 100.0)
        control.lost("closed with 1012", 142.5)
        assert control.statistics.attempts == 2
        assert control.statistics.opened == 1
        assert control.statistics.last_reason == "closed with 1012"
        assert control.statistics.last_duration_s == 42.5

    def test_reason_of_our_own_close_is_kept_when_the_link_ends(self):
        control = controller()
        connected(control)
        control.close("hard reset")
        control.lost("closed with 1000", 1.0)
        assert control.statistics.last_reason == "hard reset"
