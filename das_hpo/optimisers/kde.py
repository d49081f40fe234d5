"""Product-kernel densities over mixed points, as statsmodels' KDEMultivariate has them, for many points at once.

A point is a vector: a continuous hyperparameter as a number in [0, 1], a categorical one as the index of
its choice. Continuous dimensions have a Gaussian kernel, categorical ones Aitchison and Aitken's (1976).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Kernel values computed at a time: a block of them stays in the processor's second-level cache.
BLOCK = 16384


def normal_reference(data: Floats) -> Floats:
    """Scott's rule of thumb for each column: 1.06 s n^(-1 / (4 + d)), s the standard deviation.

    Args:
        data: Points [n, d].

    Returns:
        Bandwidths [d].
    """
    count, dimensions = data.shape
    # Twice as fast as data.std(axis=0), whose columns are short strides.
    centred = data - data.mean(axis=0)
    deviation = np.sqrt(np.einsum("nd,nd->d", centred, centred) / count)
    bandwidths: Floats = 1.06 * deviation * float(count) ** (-1.0 / (4 + dimensions))
    return bandwidths


def bounded(bandwidths: Floats, levels: Integers, least: float) -> Floats:
    """Bandwidths that are at least ``least`` and, where categorical, at most (k - 1) / k.

    Beyond (k - 1) / k another choice would weigh more than the observed one, and beyond 1 the density
    would be negative.

    Args:
        bandwidths: [d].
        levels: Number of choices k of each dimension [d]; 0 where it is continuous.
        least: Lower bound.
    """
    most = np.where(levels > 0, (levels - 1) / np.maximum(levels, 1), math.inf)
    return np.minimum(np.maximum(bandwidths, least), most)


class ProductKernel:
    """A density: the mean over the observations of a product of one kernel for each dimension.

    Args:
        data: Observations [n, d]; kept, not copied.
        bandwidths: [d], above 0; for a categorical dimension the weight of all other choices together.
        levels: Number of choices of each dimension [d]; 0 where it is continuous.
    """

    def __init__(self, data: Floats, bandwidths: Floats, levels: Integers) -> None:
        self.data = data
        self.bw = bandwidths
        self.levels = levels
        self._continuous = np.flatnonzero(levels == 0)
        self._categorical = np.flatnonzero(levels > 0)
        # Every combination of categories is one number. The observations are in its order, so that categorical
        # kernels are multiplied once per combination and not once per observation.
        self._strides = np.cumprod(np.concatenate(([1], levels[self._categorical])))[:-1]
        codes = (data[:, self._categorical] @ self._strides.astype(np.float64)).astype(np.int64)
        order = np.argsort(codes, kind="stable")
        ordered = codes[order]
        self._starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self._combinations = ordered[self._starts]
        # -|y - x|^2 / 2 of all pairs is one matrix product, of (y, -|y|^2 / 2, 1) and (x, 1, -|x|^2 / 2). Centred,
        # so that the squares, which cancel, are no larger than they must be.
        continuous = data[:, self._continuous]
        self._centre = continuous.mean(axis=0)
        scaled = ((continuous - self._centre) / bandwidths[self._continuous])[order]
        squares = np.einsum("nd,nd->n", scaled, scaled)
        self._observed = np.column_stack([scaled, -0.5 * squares, np.ones(len(data))])
        root = math.sqrt(2 * math.pi)
        self._factor = 1 / (len(data) * float(np.prod(bandwidths[self._continuous] * root)))

    def density(self, points: Floats) -> Floats:
        """The density at each point.

        Args:
            points: [m, d].

        Returns:
            [m]; probability times density where dimensions are mixed.
        """
        scaled = (points[:, self._continuous] - self._centre) / self.bw[self._continuous]
        squares = np.einsum("md,md->m", scaled, scaled)
        asked = np.vstack([scaled.T, np.ones(len(points)), -0.5 * squares])
        sums = np.empty((len(self._combinations), len(points)))
        step = max(4, BLOCK // len(self.data))
        for start in range(0, len(points), step):
            kernels = self._observed @ asked[:, start : start + step]
            np.exp(kernels, out=kernels)
            sums[:, start : start + step] = np.add.reduceat(kernels, self._starts, axis=0)
        weights = self._category_weights(points[:, self._categorical])
        total: Floats = np.einsum("mc,cm->m", weights, sums) * self._factor
        return total

    def sample(self, count: int, factor: float, generator: np.random.Generator) -> Floats:
        """Draws points as BOHB draws its candidates.

        Each is an observation, moved in its continuous dimensions by a normal distribution of ``factor``
        times the bandwidth, truncated to [0, 1]; a category stays with probability 1 - bandwidth and is
        drawn anew among all choices otherwise.

        Args:
            count: How many points.
            factor: Widening of the continuous bandwidths.
            generator: Source of all random numbers.

        Returns:
            [count, d].
        """
        chosen = generator.integers(len(self.data), size=count)
        uniform = generator.random((count, len(self.bw)))
        others = generator.random((count, len(self.bw)))
        points = self.data[chosen]
        for dimension, (bandwidth, levels) in enumerate(zip(self.bw, self.levels, strict=True)):
            column = points[:, dimension]
            if levels:
                redrawn = np.minimum(np.floor(others[:, dimension] * levels), levels - 1)
                points[:, dimension] = np.where(uniform[:, dimension] < 1 - bandwidth, column, redrawn)
            else:
                points[:, dimension] = truncated_normal(column, factor * bandwidth, uniform[:, dimension])
        return points

    def _category_weights(self, categories: Floats) -> Floats:
        """The product of the categorical kernels: [m points, combinations]."""
        weights = np.ones((len(categories), len(self._combinations)))
        for column, (dimension, stride) in enumerate(zip(self._categorical, self._strides, strict=True)):
            levels = int(self.levels[dimension])
            bandwidth = float(self.bw[dimension])
            same = np.equal.outer(categories[:, column], self._combinations // stride % levels)
            # With one choice only there is no other, and the kernel is 1 - bandwidth by itself.
            weights *= np.where(same, 1 - bandwidth, bandwidth / max(1, levels - 1))
        return weights


def truncated_normal(means: Floats, deviation: float, uniform: Floats) -> Floats:
    """Normal distributions of these means, truncated to [0, 1], by inversion of their distribution function.

    Args:
        means: [m], in [0, 1], so that no tail is ever inverted.
        deviation: Standard deviation before truncation.
        uniform: [m], uniform in [0, 1).

    Returns:
        [m].
    """
    lower = ndtr(-means / deviation)
    upper = ndtr((1 - means) / deviation)
    values = means + deviation * ndtri(lower + uniform * (upper - lower))
    return np.clip(values, 0.0, 1.0)
