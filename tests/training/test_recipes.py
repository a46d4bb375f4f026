"""Recipes: the numbers of the paper, and the course of the learning rate."""

import numpy as np
import pytest

from szfinder.training import BonjeanRecipe, HeatMapRecipe, ImbalanceSchedule, ModernRecipe


def test_imbalance_schedule_is_that_of_the_paper():
    """Lin et al. (2021), section 2.2.2."""
    recipe = ImbalanceSchedule()
    assert [stage.ratio for stage in recipe.stages] == list(range(1, 21))
    assert {stage.patience for stage in recipe.stages} == {1000}
    assert (recipe.batch_size, recipe.validate_every, recipe.weight_decay) == (128, 100, 0.003)
    assert all(stage.max_batches > 2400 for stage in recipe.stages)  # what the first one took


@pytest.mark.parametrize(
    "batch, rate",
    [(0, 5 / 3e3), (250, 10 / 3e3), (500, 5e-3), (999, 5e-3), (1000, 5e-4), (9999, 5e-4)],
)
def test_rate_of_the_imbalance_schedule(batch, rate):
    for stage in ImbalanceSchedule().stages:
        assert stage.learning_rate(batch) == pytest.approx(rate, rel=1e-12)


def test_stages_of_the_imbalance_schedule_can_be_chosen():
    recipe = ImbalanceSchedule(ratios=(1, 2, 4), max_batches=50)
    assert [(stage.ratio, stage.max_batches) for stage in recipe.stages] == [
        (1, 50), (2, 50), (4, 50)]


def test_optimizer_and_loss_of_the_imbalance_schedule(keras):
    recipe = ImbalanceSchedule()
    optimizer = recipe.optimizer()
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.momentum == 0 and not optimizer.nesterov
    truth, answer = np.eye(2, dtype="float32"), np.float32([[0.9, 0.1], [0.6, 0.4]])
    expected = -(np.log(0.9) + np.log(0.4)) / 2
    assert float(recipe.loss()(truth, answer)) == pytest.approx(expected, rel=1e-5)


def test_negatives_beside_a_positive():
    """Left out by the paper (section 1.2), learned from by the modern recipe."""
    assert ImbalanceSchedule().adjacent is False
    assert ModernRecipe().adjacent is True


@pytest.mark.parametrize("n", [0, -1])
def test_length_must_be_positive(n):
    with pytest.raises(ValueError, match=f"takes 1 batch or more; found {n}"):
        ModernRecipe(n_batches=n)
    with pytest.raises(ValueError, match=f"takes 1 batch or more; found {n}"):
        ImbalanceSchedule(max_batches=n)


def test_rate_of_the_modern_recipe():
    (stage,) = ModernRecipe(n_batches=1000, ratio=3.0, learning_rate=0.01).stages
    assert (stage.ratio, stage.max_batches, stage.patience) == (3.0, 1000, None)
    rates = np.array([stage.learning_rate(batch) for batch in range(1000)])
    assert 0 < rates[0] <= 0.01 / 100
    assert (np.diff(rates[:100]) > 0).all() and (np.diff(rates[100:]) < 0).all()
    assert rates.max() == pytest.approx(0.01)
    assert rates[550] == pytest.approx(0.005)  # half way down
    assert 0 < rates[-1] < 1e-5 * rates.max()


def test_loss_of_the_modern_recipe(keras):
    """The easier example counts less: (1 - p)^2 times the cross-entropy (Lin et al. 2017)."""
    recipe = ModernRecipe()
    assert isinstance(recipe.optimizer(), keras.optimizers.AdamW)
    truth = np.float32([[0, 1]])
    easy, hard = (float(recipe.loss()(truth, np.float32([[1 - p, p]]))) for p in (0.9, 0.3))
    expected = (0.1**2 * np.log(0.9)) / (0.7**2 * np.log(0.3))
    assert easy / hard == pytest.approx(expected, rel=1e-4)


def test_heat_map_recipe(keras):
    """The focal loss of Zhou et al. (2019), and patches of which all have a cluster."""
    recipe = HeatMapRecipe()
    (stage,) = recipe.stages
    assert (recipe.name, stage.ratio, stage.patience) == ("heat-map", 0.0, None)
    assert (recipe.batch_size, recipe.validate_every, recipe.weight_decay) == (8, 250, 0.0)
    optimizer = recipe.optimizer()
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert optimizer.weight_decay == 0.05  # Loshchilov & Hutter (2019)
    truth = np.array([1.0, 0.5, 0.0], "float32").reshape(1, 1, 3, 1)
    answer = np.array([0.6, 0.7, 0.2], "float32").reshape(1, 1, 3, 1)
    expected = -(0.4**2 * np.log(0.6) + 0.5**4 * 0.7**2 * np.log(0.3) + 0.2**2 * np.log(0.8))
    assert float(recipe.loss()(truth, answer)[0]) == pytest.approx(expected, rel=1e-5)


def test_rate_of_the_heat_map_recipe():
    """Up for a tenth, and down along a cosine to 0 at the end."""
    (stage,) = HeatMapRecipe(n_batches=400, learning_rate=0.01).stages
    assert stage.max_batches == 400
    rates = np.array([stage.learning_rate(batch) for batch in range(401)])
    assert (np.diff(rates[:40]) > 0).all() and (np.diff(rates[40:]) < 0).all()
    assert rates.max() == pytest.approx(0.01)
    assert rates[220] == pytest.approx(0.005)  # half way down
    assert 0 < rates[399] < 1e-4 * rates.max()
    assert rates[400] == pytest.approx(0, abs=1e-15)


def test_bonjean_recipe_is_that_of_the_paper(keras):
    """Bonjean (2020), section 3.3."""
    recipe = BonjeanRecipe()
    (stage,) = recipe.stages
    assert (recipe.name, recipe.batch_size, recipe.weight_decay) == ("bonjean", 20, 0.0)
    assert stage.ratio == 0.0  # every patch has a cluster
    assert stage.patience == 12 * recipe.validate_every
    assert {stage.learning_rate(batch) for batch in (0, 1, 500, 19_999)} == {1e-4}
    optimizer = recipe.optimizer()
    assert type(optimizer) is keras.optimizers.Adam
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
    truth, answer = (np.array(values, "float32").reshape(1, 1, 2, 1)
                     for values in ([1, 0], [0.9, 0.4]))  # fmt: skip
    expected = -(np.log(0.9) + np.log(0.6)) / 2
    assert float(recipe.loss()(truth, answer)) == pytest.approx(expected, rel=1e-5)


def test_options_of_the_bonjean_recipe():
    recipe = BonjeanRecipe(n_batches=70, ratio=1.0, learning_rate=1e-3, epoch=5)
    (stage,) = recipe.stages
    assert (stage.max_batches, stage.ratio, stage.patience) == (70, 1.0, 60)
    assert (recipe.validate_every, stage.learning_rate(3)) == (5, 1e-3)


@pytest.mark.parametrize("recipe", [BonjeanRecipe, HeatMapRecipe])
@pytest.mark.parametrize("n", [0, -1])
def test_length_of_a_training_of_a_u_net(recipe, n):
    with pytest.raises(ValueError, match=f"takes 1 batch or more; found {n}"):
        recipe(n_batches=n)


@pytest.mark.parametrize(
    "recipe",
    [
        ImbalanceSchedule(ratios=(1, 3)),
        ModernRecipe(ratio=2.0, learning_rate=1e-2),
        HeatMapRecipe(ratio=1.0, batch_size=5, learning_rate=1e-2),
        BonjeanRecipe(ratio=1.0, learning_rate=1e-3, epoch=7),
    ],
    ids=lambda recipe: recipe.name,
)
def test_same_recipe_of_another_length(recipe):
    """All else is kept, and rates that fall to the end fall to the new one."""
    short = recipe.of_length(40)
    assert type(short) is type(recipe)
    assert {stage.max_batches for stage in short.stages} == {40}
    same = {"ratios", "patience", "weight_decay", "adjacent", "batch_size", "validate_every"}
    assert all(short.as_dict[name] == recipe.as_dict[name] for name in same)
    if recipe.name in ("modern", "heat-map"):
        assert short.stages[0].learning_rate(4) == pytest.approx(1e-2)
        assert short.stages[0].learning_rate(40) == pytest.approx(0, abs=1e-15)
