"""Random numbers: every component has its own, and a seed is a sky."""

import numpy as np
import pytest

from szfinder.simulation import (
    ClusteredCIB,
    CMB,
    DustyGalaxies,
    GalacticDust,
    Halos,
    KineticSZ,
    Noise,
    RadioSources,
    SkySimulator,
    ThermalSZ,
)


def components():
    return [
        CMB(),
        ThermalSZ(),
        KineticSZ(),
        DustyGalaxies(cluster_excess=1.0),
        ClusteredCIB(),
        RadioSources(cluster_excess=1.0),
        GalacticDust(filaments=True),
        Noise(knee=500.0, unevenness=0.2),
    ]


def make(lab, parts, rng=11, **options):
    halos = Halos(min_mass=3e13)
    simulator = SkySimulator(lab.instrument(95.0, 150.0), parts, halos=halos, rng=rng)
    return simulator.patch(*lab.grid(0.7, 1.0), keep_components=True, **options)


def same(first, second):
    if first.colnames != second.colnames:
        return False
    sky = first["sky_centroid"], second["sky_centroid"]
    columns = [(first[n], second[n]) for n in first.colnames if n != "sky_centroid"]
    columns += [(getattr(sky[0], n), getattr(sky[1], n)) for n in ("ra", "dec")]
    return all(np.array_equal(a, b) for a, b in columns)


@pytest.fixture(scope="module")
def sky(lab):
    return make(lab, components())


@pytest.mark.parametrize("left_out", [part.name for part in components()])
def test_without_one_component_the_others_stay(lab, sky, left_out):
    parts = [part for part in components() if part.name != left_out]
    fewer = make(lab, parts)
    assert set(fewer.components) == set(sky.components) - {left_out}
    for name, maps in fewer.components.items():
        assert maps.tobytes() == sky.components[name].tobytes(), name
    for name in ("redshift", "m500c", "velocity", "x_centroid"):
        np.testing.assert_array_equal(fewer.truth[name], sky.truth[name])
    assert ("y_c" in fewer.truth.colnames) == (left_out != "tsz")


def test_order_does_not_matter(lab, sky):
    turned = make(lab, components()[::-1])
    for name, maps in turned.components.items():
        assert maps.tobytes() == sky.components[name].tobytes()
    assert same(turned.truth, sky.truth)


def test_components_add_up(sky):
    assert set(sky.components) == {part.name for part in components()}
    np.testing.assert_allclose(sum(sky.components.values()), sky.maps.data, rtol=1e-4, atol=1e-3)
    for maps in sky.components.values():
        assert maps.shape == sky.maps.data.shape and maps.std() > 0


def test_same_seed_same_bytes(lab, sky):
    again = make(lab, components())
    assert again.maps.data.tobytes() == sky.maps.data.tobytes()
    assert again.maps.ivar.tobytes() == sky.maps.ivar.tobytes()
    assert same(again.truth, sky.truth)
    other = make(lab, components(), rng=12)
    assert not np.array_equal(other.maps.data, sky.maps.data)
    assert not same(other.truth, sky.truth)


def test_keeping_components_changes_nothing(lab, sky):
    halos = Halos(min_mass=3e13)
    simulator = SkySimulator(lab.instrument(95.0, 150.0), components(), halos=halos, rng=11)
    plain = simulator.patch(*lab.grid(0.7, 1.0))
    assert plain.components == {}
    assert plain.maps.data.tobytes() == sky.maps.data.tobytes()


def test_clustered_halos_too(lab):
    halos = Halos(min_mass=3e13, redshifts=(0.3, 0.8), clustered=True)
    both, alone = (
        SkySimulator(lab.instrument(), parts, halos=halos, rng=15).patch(
            *lab.grid(0.7, 1.0), keep_components=True
        )
        for parts in ([ThermalSZ(), KineticSZ()], [KineticSZ()])
    )
    np.testing.assert_array_equal(both.truth["x_centroid"], alone.truth["x_centroid"])
    assert both.components["ksz"].tobytes() == alone.components["ksz"].tobytes()


def test_each_call_makes_a_further_sky(lab):
    def skies():
        simulator = SkySimulator(lab.instrument(), [CMB(), ThermalSZ()], rng=13)
        return [simulator.patch(*lab.grid(0.5, 1.0)) for _ in range(2)]

    (first, second), (first_again, second_again) = skies(), skies()
    assert not np.array_equal(first.maps.data, second.maps.data)
    assert not same(first.truth, second.truth)
    np.testing.assert_array_equal(second.maps.data, second_again.maps.data)
    assert same(first.truth, first_again.truth)


def test_a_generator_is_a_seed(lab):
    seeds = 14, np.random.default_rng(14)
    maps = [SkySimulator(lab.instrument(), [CMB()], rng=seed).patch(*lab.grid(0.5, 1.0)).maps.data
            for seed in seeds]  # fmt: skip
    np.testing.assert_array_equal(*maps)


def test_components_are_independent(sky):
    names = sorted(set(sky.components) - {"dusty", "radio", "tsz", "ksz"})
    planes = np.array([sky.components[name][0].ravel() for name in names])
    # three different fields of random numbers have nothing in common pixel by pixel
    fine = planes - np.roll(planes, 1, axis=1)
    correlation = np.corrcoef(fine) - np.eye(len(names))
    assert np.abs(correlation).max() < 0.2
