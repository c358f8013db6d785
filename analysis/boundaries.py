"""Mixture supermartingales, and the boundaries found by inverting them.

Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences" (Annals of
Statistics, 2021), below "the paper"; the parametrisation is that of its companion package confseq, whose published
numbers are tests here. A sum of centred observations `s` of intrinsic time `v` gives `exp(lambda s - psi(lambda) v)`,
a supermartingale for each lambda; its mean over lambda is one too. It starts at 1, so it ever reaches 1/alpha with
probability at most alpha (Ville), and a mixture's boundary holds at all times at once.

Everything is elementwise over arrays that broadcast.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import betainc, betaln, log_ndtr

from analysis.errors import AnalysisError
from analysis.proportion import Floats

BISECTIONS = 60
DOUBLINGS = 60
# The flattest beta mixture, in units of g h: it is asked for where v_opt is next to nothing.
FLATTEST = 1e-3


class Mixture(Protocol):
    """A mixture supermartingale, apart from any boundary."""

    def log_evidence(self, s: Any, v: Any) -> Floats:
        """The natural logarithm of the supermartingale at sum s and intrinsic time v; it does not fall in s >= 0."""
        ...

    def largest_sum(self, v: Any) -> Floats:
        """The largest sum that intrinsic time v allows; infinite where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class NormalMixture:
    """For sub-Gaussian sums: lambda is normal with precision `rho`, or half-normal if one-sided (the paper's normal
    mixtures, section 3.2 and its appendix on conjugate mixtures).
    """

    rho: Floats
    one_sided: bool = True

    @classmethod
    def tuned(cls, v_opt: Any, alpha_opt: Any = 0.05, *, one_sided: bool = True) -> "NormalMixture":
        """The mixture whose boundary at level alpha_opt is nearly lowest at intrinsic time v_opt."""
        return cls(best_rho(v_opt, alpha_opt, one_sided=one_sided), one_sided)

    def log_evidence(self, s: Any, v: Any) -> Floats:
        """The Gaussian integral over lambda: all of it, or twice its positive half."""
        precision = v + self.rho
        log = 0.5 * np.log(self.rho / precision) + np.square(s) / (2.0 * precision)
        return np.asarray(log + np.log(2.0) + log_ndtr(s / np.sqrt(precision)) if self.one_sided else log)

    def largest_sum(self, v: Any) -> Floats:
        """Sub-Gaussian sums have no largest value."""
        return np.full(np.broadcast(v, self.rho).shape, np.inf)


@dataclass(frozen=True, slots=True)
class BetaBinomialMixture:
    """For sums of centred observations within [-g, h], v = g h a piece (sub-Bernoulli): the share of `h` is beta with
    mean g/(g + h) and precision `r`, or that cut to shares above its mean if one-sided (the paper's beta-binomial
    mixtures, appendix on conjugate mixtures). Domain: v >= 0, -v/h <= s <= v/g.
    """

    r: Floats
    g: Floats
    h: Floats
    one_sided: bool = True

    @classmethod
    def tuned(
        cls, v_opt: Any, g: Any, h: Any, alpha_opt: Any = 0.05, *, one_sided: bool = True
    ) -> "BetaBinomialMixture":
        """The mixture whose boundary at level alpha_opt is nearly lowest at intrinsic time v_opt."""
        if not (np.all(np.asarray(g) > 0) and np.all(np.asarray(h) > 0)):
            raise AnalysisError("a beta-binomial mixture: g and h have to be positive")
        rho = best_rho(v_opt, alpha_opt, one_sided=one_sided)
        return cls(np.maximum(rho - g * h, FLATTEST * g * h), np.asarray(g), np.asarray(h), one_sided)

    def log_evidence(self, s: Any, v: Any) -> Floats:
        """The ratio of two (incomplete) beta integrals over the likelihood of the mean."""
        whole = self.g + self.h
        high, low = (v + self.h * s) / (self.h * whole), (v - self.g * s) / (self.g * whole)
        likelihood = high * np.log(self.g / whole) + low * np.log(self.h / whole)
        a, b = self.r / (self.g * whole), self.r / (self.h * whole)
        return np.asarray(self._log_integral(a + low, b + high) - self._log_integral(a, b) - likelihood)

    def _log_integral(self, low: Any, high: Any) -> Floats:
        """ln of the beta integral over shares of -g: all of [0, 1], or up to the mean share."""
        if not self.one_sided:
            return np.asarray(betaln(low, high))
        with np.errstate(divide="ignore"):
            return np.asarray(betaln(low, high) + np.log(betainc(low, high, self.h / (self.g + self.h))))

    def largest_sum(self, v: Any) -> Floats:
        """Every observation at its top."""
        return np.asarray(v / self.g)


def best_rho(v_opt: Any, alpha_opt: Any, *, one_sided: bool) -> Floats:
    """The precision of a normal mixture that makes its boundary nearly lowest at v_opt > 0; alpha_opt within (0, 1), or
    (0, 1/2) one-sided.

    The paper's closed approximation to the Lambert W form of section 3.5; one-sided, a level alpha is spent as half
    of 2 alpha.
    """
    level = np.asarray(alpha_opt, dtype=float) * (2.0 if one_sided else 1.0)
    if not (np.all(np.asarray(v_opt) > 0) and np.all((level > 0) & (level < 1))):
        raise AnalysisError(
            "a mixture: v_opt has to be positive, alpha_opt within (0, 1) two-sided and (0, 0.5) one-sided"
        )
    toll = -2.0 * np.log(level)
    return np.asarray(v_opt / (toll + np.log1p(toll)))


def boundary(mixture: Mixture, v: Any, alpha: Any) -> Floats:
    """The sum that a process with intrinsic time v exceeds, ever, with probability at most alpha; the largest possible
    sum where even that is no such evidence.

    The largest s with `log_evidence(s, v) <= ln(1/alpha)`, by bisection (the paper's section 3.2), never below 0.
    """
    level = np.asarray(alpha, dtype=float)
    if not np.all((level > 0) & (level < 1)):
        raise AnalysisError("a boundary: alpha has to lie within (0, 1)")
    top, needed = np.broadcast_arrays(mixture.largest_sum(v), -np.log(level))
    high = top if np.isfinite(top).all() else _enough(mixture, v, needed)
    low = np.zeros_like(high)
    reached = mixture.log_evidence(high, v) > needed
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        beyond = mixture.log_evidence(middle, v) > needed
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(np.where(reached, high, top))


def _enough(mixture: Mixture, v: Any, needed: Floats) -> Floats:
    """A sum that is evidence enough, by doubling."""
    trial = np.broadcast_to(np.maximum(v, 1.0), needed.shape)
    for _ in range(DOUBLINGS):
        trial = np.where(mixture.log_evidence(trial, v) > needed, trial, 2.0 * trial)
    return np.asarray(trial)


def bernoulli_interval(trials: Any, successes: Any, alpha: float, t_opt: float) -> tuple[Floats, Floats]:
    """Lower and upper end (R,) of the success probabilities p that the beta-binomial mixture tuned to t_opt trials does
    not refute at level alpha: trials (R,) > 0, whole successes (R,).

    Covers a constant p at all times at once with probability 1 - alpha. The log evidence is convex in p and at most 0
    at the observed share, so the set is an interval, and bisection finds its ends.
    """
    trials, successes = np.broadcast_arrays(np.asarray(trials, dtype=float), np.asarray(successes, dtype=float))
    if not np.all((trials > 0) & (successes >= 0) & (successes <= trials)):
        raise AnalysisError("a Bernoulli interval: trials have to be positive, successes between 0 and trials")
    needed = -np.log(alpha)
    share = successes / trials

    def refuted(p: Floats) -> np.ndarray:
        v = p * (1.0 - p)
        mixture = BetaBinomialMixture.tuned(v * t_opt, p, 1.0 - p, one_sided=False)
        return np.asarray(mixture.log_evidence((share - p) * trials, v * trials) > needed)

    ends = []
    for certain in (0.0, 1.0):
        outside, inside = np.full_like(share, certain), share.copy()
        for _ in range(BISECTIONS):
            middle = 0.5 * (outside + inside)
            # next to 0 and 1 there is nothing left to refute
            within = (middle > 0.0) & (middle < 1.0)
            beyond = within & refuted(np.where(within, middle, 0.5))
            outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
        ends.append(outside)
    return ends[0], ends[1]
