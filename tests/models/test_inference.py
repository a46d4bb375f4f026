"""Inference gives what the network gives, in batches of any size."""

import numpy as np
import pytest

from szfinder.models import predict

pytest.importorskip("keras", reason="networks need Keras")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).normal(size=(21, 16, 16, 2)).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 4, 20, 21, 256])
def test_batch_size_does_not_matter(trained, images, batch_size):
    expected = np.asarray(trained(images, training=False))
    assert np.ptp(expected[:, 1]) > 1e-3
    answer = predict(trained, images, batch_size=batch_size)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_rows_do_not_see_each_other(trained, images):
    together = predict(trained, images)
    alone = [predict(trained, images[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(alone, together[:3], atol=1e-6)


def test_last_batch_is_not_compiled_anew(trained, images):
    predict(trained, images, batch_size=8)
    traces = trained.predict_function.experimental_get_tracing_count
    before = traces()
    for n in (16, 17, 19, 21):
        predict(trained, images[:n], batch_size=8)
    assert traces() == before


def test_no_images(trained):
    assert predict(trained, np.empty((0, 16, 16, 2))).shape == (0, 2)


def test_progress_bar(trained, images, capsys):
    predict(trained, images, batch_size=7)
    assert not capsys.readouterr().err
    predict(trained, images, batch_size=7, progress_bar=True)
    assert "3/3" in capsys.readouterr().err


def test_images_that_do_not_fit(trained, images):
    with pytest.raises(ValueError, match=r"found shape \(21, 2, 16, 16\), expected \(n, 16, 16, 2"):
        predict(trained, np.moveaxis(images, -1, 1))
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        predict(trained, images, batch_size=0)


def test_bad_pixels_are_refused(trained, images):
    images = images.copy()
    images[[3, 5], 4, 4, 1] = np.nan
    with pytest.raises(ValueError, match="2 of 21 images hold values that are not finite"):
        predict(trained, images)
