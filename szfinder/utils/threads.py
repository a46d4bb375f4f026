"""Keep linear algebra to one thread while many small products are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from threadpoolctl import OpenBLASController, threadpool_limits

__all__ = ["single_blas_thread"]

_lock = Lock()
_users = 0
_limits = None


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread within the context.

    The other threads of BLAS wait for the next product in a busy loop: where products are small and
    far between, that costs more than the products. The limit holds for the whole process; it is
    lifted when the last of those who asked for it leaves.
    """
    global _users, _limits
    with _lock:
        if _users == 0:
            _limits = threadpool_limits(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _release_control()
                _limits.restore_original_limits()
                _release_control()


def _release_control() -> None:
    """Let any thread set the limits: newer threadpoolctl heeds only the first one that did."""
    release = getattr(OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
