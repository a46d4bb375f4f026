"""SkyStream: fresh skies as a training goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["SkyStream"]


class SkyStream:
    """A window on a sequence of skies, that moves on by a sky every few batches.

    A training sees many skies, of which only those in the window are in memory. The next one is
    made in the background. Which skies a batch is drawn from depends on its number alone, so that a
    training that was stopped ends as if it had not been. After the last seed comes the first.

    A stream can be used in a ``with`` statement, which ends in `close`.

    Parameters
    ----------
    make : callable
        Takes a seed and returns a sky, in whatever form it is learned from, as
        `~szfinder.training.SkyCutouts`; it runs in another thread.
    seeds : sequence of int
        Seeds of the skies. If there are no more of them than the window is wide, it stays.
    gather : callable
        Takes the skies in the window and returns what batches are drawn from, as
        `~szfinder.training.CutoutSet`.
    window : int, optional
        Number of skies that a batch is drawn from.
    batches_per_sky : int, optional
        Batches after which the window moves on.
    progress_bar : bool, optional
        Show progress when the window is filled at first.

    Raises
    ------
    ValueError
        If there is no seed, or the window or the number of batches is not positive.
    """

    def __init__(
        self,
        make: Callable[[int], Any],
        seeds: Sequence[int],
        gather: Callable[[Sequence[Any]], Any],
        *,
        window: int = 8,
        batches_per_sky: int = 50,
        progress_bar: bool = False,
    ) -> None:
        if not len(seeds) or window < 1 or batches_per_sky < 1:
            raise ValueError(
                "a stream takes one seed or more, and window and batches_per_sky from 1; found "
                f"{len(seeds)} seeds, window={window!r} and batches_per_sky={batches_per_sky!r}"
            )
        self.make, self.seeds, self.gather = make, seeds, gather
        self.window, self.batches_per_sky = min(window, len(seeds)), batches_per_sky
        self.progress_bar = progress_bar
        self._skies: dict[int, Any] = {}
        self._ahead: dict[int, Future] = {}
        self._background = ThreadPoolExecutor(1, thread_name_prefix="SkyStream")

    def __enter__(self) -> SkyStream:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def at(self, number: int) -> Any:
        """What batch ``number`` of a training is drawn from: the skies in the window, gathered.

        Parameters
        ----------
        number : int
            Number of the batch, from 0.

        Returns
        -------
        object
            What ``gather`` makes of them.

        Raises
        ------
        ValueError
            If a sky could not be made; the message names its seed.
        OSError
            If a sky could not be kept, as on a full disk.
        """
        from tqdm import tqdm

        *wanted, following = self._seeds_from(number)
        self._skies = {seed: self._skies[seed] for seed in wanted if seed in self._skies}
        missing = [seed for seed in wanted if seed not in self._skies]
        hidden = not self.progress_bar or len(missing) <= 1
        for seed in tqdm(missing, desc="skies", disable=hidden):
            self._skies[seed] = self._sky(seed)
        self._make_ahead(following)
        return self.gather([self._skies[seed] for seed in wanted])

    def close(self) -> None:
        """Make no more skies in the background; one that is being made is finished, and left."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def _seeds_from(self, number: int) -> list[int]:
        """Seeds in the window at a batch, and the seed that comes next."""
        moves = len(self.seeds) > self.window
        first = number // self.batches_per_sky if moves else 0
        return [self.seeds[(first + i) % len(self.seeds)] for i in range(self.window + 1)]

    def _sky(self, seed: int) -> Any:
        ahead = self._ahead.pop(seed, None)
        try:
            return self.make(seed) if ahead is None else ahead.result()
        except ValueError as error:
            raise ValueError(f"the sky of seed {seed} could not be made: {error}") from error

    def _make_ahead(self, seed: int) -> None:
        """Make a sky in the background, unless there is one; forget any other that was begun."""
        for other in self._ahead.keys() - {seed}:
            self._ahead.pop(other).cancel()
        if seed not in self._skies and seed not in self._ahead:
            self._ahead[seed] = self._background.submit(self.make, seed)
