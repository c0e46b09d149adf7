"""What draws the power: a battery and its charging curve. Pure: time passes only through `charge`."""

from dataclasses import dataclass, replace

UNLIMITED_W = float("inf")
_LONGEST_STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle on a cable. Power rises over `ramp_s`, stays, and falls as the battery fills above `taper_from`."""

    capacity_wh: float = 60_000.0
    state_of_charge: float = 0.3
    """0 to 1."""
    max_power_w: float = 11_000.0
    phases: int = 3
    ramp_s: float = 20.0
    taper_from: float = 0.8
    charging_s: float = 0.0
    """How long it has been charging without a pause."""

    @property
    def full(self) -> bool:
        return self.state_of_charge >= 1.0

    def power_w(self, limit_w: float = UNLIMITED_W) -> float:
        """What it draws now, at most `limit_w`."""
        if self.full:
            return 0.0
        ramp = min(1.0, self.charging_s / self.ramp_s) if self.ramp_s > 0 else 1.0
        above = max(0.0, self.state_of_charge - self.taper_from) / (1 - self.taper_from)
        return min(limit_w, self.max_power_w * ramp * (1 - 0.9 * above))

    def charge(self, seconds: float, limit_w: float = UNLIMITED_W) -> tuple["Vehicle", float]:
        """The vehicle after `seconds` more of charging, and the energy (Wh) that it took."""
        vehicle, taken_wh, left_s = self, 0.0, seconds
        step_s = max(_LONGEST_STEP_S, seconds / 500)
        while left_s > 1e-9:
            span_s = min(step_s, left_s)
            left_s -= span_s
            vehicle, energy_wh = vehicle._step(span_s, limit_w)
            taken_wh += energy_wh
        return vehicle, taken_wh

    def paused(self) -> "Vehicle":
        """The vehicle as it begins its next charge: from the foot of the ramp."""
        return replace(self, charging_s=0.0)

    def _step(self, span_s: float, limit_w: float) -> tuple["Vehicle", float]:
        middle = replace(self, charging_s=self.charging_s + span_s / 2)
        room_wh = (1.0 - self.state_of_charge) * self.capacity_wh
        energy_wh = min(room_wh, middle.power_w(limit_w) * span_s / 3600)
        # Within a watt-second of full it is full: the last of an asymptotic curve would take for ever.
        filled = room_wh - energy_wh < 0.001
        charge = 1.0 if filled else self.state_of_charge + energy_wh / self.capacity_wh
        return replace(self, charging_s=self.charging_s + span_s, state_of_charge=charge), energy_wh
