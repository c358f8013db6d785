"""A permanent comparison of stable with itself: when a fixed part of stable's own instances looks unlike the rest, the
noise of single instances was underestimated, and the dispersion that divides all evidence is raised.
"""

from dataclasses import dataclass

import numpy as np

from analysis.observation import TickCounts
from analysis.onset import OnsetBets
from analysis.proportion import Floats, Rows, relative_log_evidence

# The part may look better or worse than the rest.
ODDS = np.array([1.5, 2.0, 3.0, 6.0])
PSI = np.concatenate([ODDS, 1.0 / ODDS])
WEIGHTS = np.full(PSI.size, 1.0 / PSI.size)
ONSET = OnsetBets(at_once=0.7)
RISK = 0.05
RAISE = 1.5


@dataclass(slots=True)
class ShadowEvidence:
    """`bets` (R, 8) log bets since the last alarm, `since` (R,) when that was in seconds, `raised` (R,) what phi has
    been multiplied by.
    """

    bets: Floats
    since: Floats
    raised: Floats

    @classmethod
    def nothing_yet(cls, releases: int) -> "ShadowEvidence":
        """The state before the first tick."""
        return cls(ONSET.first((releases, PSI.size)), np.zeros(releases), np.ones(releases))

    def observe(self, tick: TickCounts, phi: Floats) -> Floats:
        """The dispersion to judge each tick by, (r, B), given what the settings say, `phi` (r,).

        A tick is judged by what was known before it. Each alarm (risk 5 % each) multiplies by 1.5 and starts anew.
        """
        rows = tick.rows
        judged_by = np.repeat((phi * self.raised[rows])[:, None], tick.t.shape[1], axis=1)
        if not tick.x_n.any():
            return judged_by
        rest_n, rest_e = tick.n_s - tick.x_n, tick.e_s - tick.x_e
        counts = (a[:, :, None] for a in (tick.x_n, tick.x_e, rest_n, rest_e))
        gain = relative_log_evidence(*counts, rho=1.0, psi=PSI)
        gain = np.where((tick.t > tick.since)[:, :, None], gain, 0.0)
        open_rows, first = np.arange(rows.size), np.zeros(rows.size, dtype=np.intp)
        while open_rows.size:
            alarmed, at = self._until_alarm(tick, gain, judged_by, open_rows, first[open_rows])
            for row, place in zip(alarmed.tolist(), at.tolist(), strict=True):
                self._raise(int(rows[row]), float(tick.t[row, place]))
                judged_by[row, place + 1 :] = phi[row] * self.raised[rows[row]]
                first[row] = place + 1
            open_rows = alarmed[at + 1 < tick.t.shape[1]]
        return judged_by

    def _until_alarm(self, tick: TickCounts, gain: Floats, phi: Floats, part: Rows, first: Rows) -> tuple[Rows, Rows]:
        """Goes on with the rows `part` from tick `first` on; which of them alarmed and at which tick."""
        whole, places = tick.rows[part], np.arange(tick.t.shape[1])
        ahead = places >= first[:, None]
        began = self.since[whole, None]
        since, until = (np.where(ahead, np.maximum(a[part] - began, 0.0), 0.0) for a in (tick.since, tick.t))
        until = np.maximum(until, since)
        ahead_gain = np.where(ahead[:, :, None], gain[part] / phi[part][:, :, None], 0.0)
        bets = ONSET.roll_on(self.bets[whole], ahead_gain, since=since, until=until)
        alarm = (ONSET.log_total(bets, WEIGHTS, until) >= -np.log(RISK)) & ahead
        self.bets[whole] = bets[:, -1]
        sounded = alarm.any(axis=1)
        return part[sounded], alarm.argmax(axis=1)[sounded]

    def _raise(self, row: int, t: float) -> None:
        self.raised[row] *= RAISE
        self.bets[row] = ONSET.first((PSI.size,))
        self.since[row] = t
