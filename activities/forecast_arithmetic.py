"""The statistics behind a forecast, by statsmodels and scipy.

Both take a second to load and hold 100 MB; they are loaded by the first forecast, so that workers start quickly.
"""

from collections.abc import Sequence

from domain.forecast import Level

SMOOTHING = 0.3
"""The weight of the last week in the level. Fitting it to at most 26 weeks was measured to forecast no better."""
FIRST_WEEKS = 3
"""Their mean is the level that the smoothing begins with."""
CHANCE_ALONE = 1e-9
"""A dispersion below which counts scatter as a Poisson distribution does."""


class ForecastArithmetic:
    """Simple exponential smoothing, and quantiles of the Poisson and negative binomial distributions."""

    def level(self, totals: Sequence[float]) -> Level:
        """The level of weekly totals, by simple exponential smoothing."""
        import numpy as np  # noqa: PLC0415  loaded by the first forecast only
        from statsmodels.tsa.holtwinters import SimpleExpSmoothing  # noqa: PLC0415

        first = sum(totals[:FIRST_WEEKS]) / len(totals[:FIRST_WEEKS])
        with np.errstate(divide="ignore", invalid="ignore"):  # of no error at all its figures take the logarithm
            model = SimpleExpSmoothing(list(totals), initialization_method="known", initial_level=first)
            fitted = model.fit(smoothing_level=SMOOTHING, optimized=False)
            ahead = float(fitted.forecast(1)[0])
        return Level(ahead, tuple(float(one) for one in fitted.fittedvalues), SMOOTHING)

    def band(self, means: Sequence[float], dispersions: Sequence[float], share: float) -> list[tuple[int, int]]:
        """Quantiles of the negative binomial distribution with these means and dispersions; Poisson's without any."""
        import numpy as np  # noqa: PLC0415  loaded by the first forecast only
        from scipy.stats import nbinom, poisson  # noqa: PLC0415

        mean, dispersion = np.asarray(means, dtype=float), np.asarray(dispersions, dtype=float)
        by_chance = dispersion < CHANCE_ALONE
        size = 1 / np.where(by_chance, 1.0, dispersion)
        tails = ((1 - share) / 2, (1 + share) / 2)
        low, high = (
            np.where(
                mean <= 0,
                0,
                np.where(
                    by_chance, poisson.ppf(tail, np.maximum(mean, 0)), nbinom.ppf(tail, size, size / (size + mean))
                ),
            )
            for tail in tails
        )
        return [(int(one), int(other)) for one, other in zip(low, high, strict=True)]
