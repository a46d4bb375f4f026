"""BLAS keeps to one thread in whatever thread it is asked to, and has its threads back after."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from szfinder.utils.threads import single_blas_thread


def blas_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info()
            if library["user_api"] == "blas"}


def limited(barrier=None):
    with single_blas_thread():
        if barrier is not None:
            barrier.wait()
        return blas_threads()


@pytest.fixture
def before():
    return blas_threads()


def test_in_the_main_thread_and_in_others(before):
    for _ in range(2):
        assert limited() == {1}
        with ThreadPoolExecutor(1) as pool:
            assert list(pool.map(lambda _: limited(), range(2))) == [{1}, {1}]
        assert blas_threads() == before


def test_at_the_same_time(before):
    barrier = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: limited(barrier), range(2))) == [{1}, {1}]
    assert blas_threads() == before


def test_limit_is_lifted_after_an_error(before):
    with pytest.raises(RuntimeError), single_blas_thread():
        raise RuntimeError
    assert blas_threads() == before
