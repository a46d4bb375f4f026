"""SkyStream: the skies of a batch follow from its number, and no others are kept."""

import gc
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from szfinder.training import CutoutSet, SkyStream

SEEDS = range(100, 107)


def seeds_at(number, *, window=3, batches_per_sky=5):
    """Walk there batch by batch."""
    seeds = list(SEEDS)
    for batch in range(1, number + 1):
        if batch % batches_per_sky == 0:
            seeds = [*seeds[1:], seeds[0]]
    return seeds[:window]


@pytest.fixture
def make_stream(blobs, preprocessing):
    """Streams that are closed at the end of the test."""
    streams = []

    def make(function=blobs, seeds=SEEDS, **options):
        options = {"window": 3, "batches_per_sky": 5, **options}
        gather = partial(CutoutSet, preprocessing=preprocessing)
        streams.append(SkyStream(function, seeds, gather, **options))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


def draw(cutouts):
    return cutouts.batch(np.random.default_rng(3), 40, ratio=2)


def soon(condition):
    """Whether something comes true within five seconds."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def threads():
    return [thread for thread in threading.enumerate() if "SkyStream" in thread.name]


def test_batches_are_those_of_the_named_skies(make_stream, blobs, preprocessing):
    stream = make_stream()
    skies = {seed: blobs(seed) for seed in SEEDS}
    for number in range(0, 45, 2):  # once around, and on
        cutouts = stream.at(number)
        expected = CutoutSet([skies[seed] for seed in seeds_at(number)], preprocessing)
        for found, wanted in zip(draw(cutouts), draw(expected), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_way_to_a_batch_does_not_matter(make_stream):
    """Straight, back and forth, or from where a training was stopped."""
    wandering = make_stream()
    for number in (33, 0, 4, 21, 33, 12):
        found, wanted = draw(wandering.at(number)), draw(make_stream().at(number))
        np.testing.assert_array_equal(found[0], wanted[0])


@pytest.mark.parametrize("window", [7, 20])
def test_few_seeds_are_all_there_always(make_stream, blobs, window, preprocessing):
    made = []

    def make(seed):
        made.append(seed)
        return blobs(seed)

    stream = make_stream(make, window=window)
    expected = draw(CutoutSet([blobs(seed) for seed in SEEDS], preprocessing))
    for number in (0, 6, 999):
        np.testing.assert_array_equal(draw(stream.at(number))[0], expected[0])
    assert made == list(SEEDS)


def test_skies_are_made_once_and_ahead(make_stream, blobs):
    made = {}

    def make(seed):
        assert seed not in made
        made[seed] = threading.current_thread()
        return blobs(seed)

    stream = make_stream(make)
    for number in range(20):
        stream.at(number)
        assert soon(lambda: len(made) == 4 + number // 5)
    here = threading.current_thread()
    assert [thread is here for thread in made.values()] == [True] * 3 + [False] * 4


def test_next_sky_is_not_waited_for(make_stream, blobs):
    """Until it is its turn."""
    go_on = threading.Event()

    def make(seed):
        if seed == 103:
            assert go_on.wait(30)
        return blobs(seed)

    stream = make_stream(make)
    for number in range(5):
        assert len(stream.at(number).skies) == 3
    go_on.set()
    np.testing.assert_array_equal(stream.at(5).skies[-1].maps, blobs(103).maps)


def test_skies_behind_are_released(make_stream, blobs):
    references = {}

    def make(seed):
        sky = blobs(seed)
        references[seed] = weakref.ref(sky)
        return sky

    def alive():
        gc.collect()
        return {seed for seed, reference in references.items() if reference() is not None}

    stream = make_stream(make)
    for number in (0, 5, 10, 15):
        stream.at(number)
        first = 100 + number // 5
        assert soon(lambda: alive() == {first + i for i in range(4)})
    stream.at(5)  # back, away from the sky that was to come next
    assert soon(lambda: alive() == {101, 102, 103, 104})


@pytest.mark.parametrize("bad", [101, 103])
def test_error_names_the_seed(make_stream, blobs, bad):
    """In the first window, or in the background: when it is its turn, and not before."""

    def make(seed):
        if seed == bad:
            raise ValueError("no halo is left")
        return blobs(seed)

    stream = make_stream(make)
    if bad == 103:
        stream.at(4)
    with pytest.raises(ValueError, match=f"seed {bad} could not be made: no halo is left") as info:
        stream.at(5)
    assert isinstance(info.value.__cause__, ValueError)


@pytest.mark.parametrize("error", [OSError("the disk is full"), MemoryError(), TypeError("a bug")])
@pytest.mark.parametrize("bad", [101, 103])
def test_other_errors_are_not_the_skys(make_stream, blobs, bad, error):
    def make(seed):
        if seed == bad:
            raise error
        return blobs(seed)

    stream = make_stream(make)
    if bad == 103:
        stream.at(4)
    with pytest.raises(type(error)) as info:
        stream.at(5)
    assert info.value is error


@pytest.mark.parametrize("options", [{"seeds": []}, {"window": 0}, {"batches_per_sky": 0}])
def test_nothing_to_stream(make_stream, options):
    with pytest.raises(ValueError, match="a stream takes one seed or more"):
        make_stream(**options)


def test_threads_end(blobs):
    """Of a stream that is closed, and of one that is forgotten."""
    with SkyStream(blobs, SEEDS, list, window=2) as stream:
        stream.at(0)
        assert threads()
    assert soon(lambda: not threads())
    forgotten = SkyStream(blobs, SEEDS, list, window=2)
    forgotten.at(0)
    assert threads()
    del forgotten
    gc.collect()
    assert soon(lambda: not threads())


def test_progress_bar(make_stream, capsys):
    make_stream().at(0)
    assert "skies" not in capsys.readouterr().err
    stream = make_stream(progress_bar=True)
    stream.at(0)
    assert "skies: 100%" in capsys.readouterr().err
    stream.at(5)
    assert "skies" not in capsys.readouterr().err
