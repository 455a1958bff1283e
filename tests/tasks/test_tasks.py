"""The tasks' data: parts that share nothing, baselines as numpy has them, text drawn as the scores say."""

import numpy as np
import pytest

from bench.forecasts import autoregression, rmse
from rnnedge.recipes import find_recipe
from rnnedge.tasks import image, series, series_trend, text
from rnnedge.tasks.forecasting import errors, persistence
from rnnedge.tasks.generate import Sampling, draw


def test_images_of_every_digit_are_in_every_part_and_none_in_two():
    """1,797 images, each in one part; the test has a fifth of every digit."""
    splits = image.load()
    parts = [splits.train, splits.validation, splits.test]
    assert sum(map(len, parts)) == 1797
    assert all(set(part.targets) == set(range(10)) for part in parts)
    assert 0.19 < len(splits.test) / 1797 < 0.2


def test_no_paragraph_of_the_text_is_in_two_parts():
    """What is held out was never read, a repetition elsewhere in the topics included."""
    parts = [{" ".join(p.split()) for p in part.split("\n\n") if p.strip()} for part in text.parts()]
    assert all(parts)
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_topics_repeat_each_other():
    """Without leaving out what is repeated, paragraphs would be in two parts: the test above can fail."""
    paragraphs = [" ".join(p.split()) for topic in text.topics() for p in topic.split("\n\n") if p.strip()]
    assert len(set(paragraphs)) < 0.95 * len(paragraphs)


@pytest.mark.parametrize(("task", "module"), [("series", series), ("series-trend", series_trend)])
def test_a_series_is_judged_from_where_its_recipe_says(task, module):
    """The frames ahead of the judged ones are as many in the data and in the recipe."""
    assert find_recipe(task).training.first_frame == module.WARMUP


def test_the_third_beat_is_judged_whole_and_nothing_else():
    """Frames from `TEST` on, in their order."""
    x = series.ecg()
    found = errors(lambda past: np.zeros_like(past), series.held_out(), series.WARMUP)
    np.testing.assert_array_equal(found, x[series.TEST :])


def test_the_last_days_are_judged_of_every_country():
    """Days from `TEST` on, country by country."""
    found = errors(lambda past: np.zeros_like(past), series_trend.held_out(), series_trend.WARMUP)
    np.testing.assert_array_equal(found, series_trend.growth()[:, series_trend.TEST :].ravel())


@pytest.mark.parametrize("module", [series, series_trend])
def test_a_target_is_what_the_reference_misses(module):
    """Target and reference add up to the next value of the series."""
    test = module.load().test
    for x, target in zip(module.held_out(), test.targets, strict=True):
        np.testing.assert_allclose(target[:, 0] + module.reference(x)[:-1], x[1:], rtol=0, atol=2e-5)


def test_features_know_nothing_of_the_future():
    """What comes after a frame does not change the features of the frame."""
    x = series.ecg()
    for module in (series, series_trend):
        np.testing.assert_array_equal(module.features(x[:100]), module.features(x)[:100])


def test_autoregression_finds_the_process_that_made_a_series():
    """x_t = 1.2 x_{t-1} - 0.5 x_{t-2} + 0.3, without noise."""
    x = [1.0, 2.0]
    for _ in range(40):
        x.append(1.2 * x[-1] - 0.5 * x[-2] + 0.3)
    found = autoregression([np.array(x)], 2)
    np.testing.assert_allclose(found.weights, [1.2, -0.5, 0.3], rtol=0, atol=1e-8)
    assert rmse(found, [np.array(x)], 2) < 1e-8 < rmse(persistence, [np.array(x)], 2)


def test_characters_are_drawn_as_often_as_their_scores_say():
    """Softmax of scores over temperature, among the `top_k` likeliest."""
    scores = np.array([0.0, 2.0, 1.0, -1.0], np.float32)
    sampling = Sampling(temperature=0.5, top_k=2)
    drawn = [draw(scores, sampling, chance) for chance in (np.arange(1000) + 0.5) / 1000]
    expected = np.exp(4) / (np.exp(4) + np.exp(2))
    assert set(drawn) == {1, 2}
    assert abs(np.mean(np.array(drawn) == 1) - expected) < 0.002


def test_without_temperature_the_likeliest_character_comes():
    """Whatever chance says."""
    assert {draw(np.array([0.0, 3.0, 3.0]), Sampling(temperature=0), c) for c in (0.0, 0.5, 0.999)} == {1}
