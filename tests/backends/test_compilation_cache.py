"""JAX's own compilation cache during a fit: where it is, whose setting wins, what it costs."""

import os
from collections import Counter

import jax
import numpy as np
import pytest
from jax._src.lru_cache import LRUCache
from jax.experimental.compilation_cache.compilation_cache import reset_cache

import d2l_jax
from d2l_jax.training import compilation as cache
from tests.support.fits import final_w, model_of, regression

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_compilation_cache_max_size",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the user's cache folder, for a process in which nothing is set up."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    yield tmp_path / "d2l"
    for name, value in before.items():
        jax.config.update(name, value)
    reset_cache()


@pytest.fixture
def events():
    """Count the events that JAX reports."""
    counter = Counter()

    def listen(event, **_):
        counter[event.rpartition("/")[2]] += 1

    jax.monitoring.register_event_listener(listen)
    yield counter
    jax.monitoring.unregister_event_listener(listen)


def fit(num_train=64):
    model = model_of(d2l_jax)
    d2l_jax.Trainer(max_epochs=1).fit(model, regression(d2l_jax, num_train=num_train))
    return final_w(d2l_jax, model)


def files(folder):
    return [path for path in folder.rglob("*-cache")]


def test_a_refit_takes_its_programs_from_the_folder(folder, events):
    first = fit()
    assert files(folder)
    assert cache.processor() in str(files(folder)[0])
    assert jax.__version__ in str(files(folder)[0])
    assert events["cache_misses"] >= 2
    events.clear()
    np.testing.assert_array_equal(fit(), first)
    assert events["cache_misses"] == 0
    assert events["cache_hits"] >= 2


def test_settings_are_as_before_after_a_fit_and_after_an_error(folder):
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    fit()
    assert {name: getattr(jax.config, name) for name in SETTINGS} == before
    with pytest.raises(KeyboardInterrupt), cache.compilation_cache():
        assert str(folder) in jax.config.jax_compilation_cache_dir
        raise KeyboardInterrupt
    assert {name: getattr(jax.config, name) for name in SETTINGS} == before


def test_fits_that_overlap_share_the_folder_until_the_last_one_ends(folder):
    first, second = cache.compilation_cache(), cache.compilation_cache()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert str(folder) in jax.config.jax_compilation_cache_dir
    second.__exit__(None, None, None)
    assert jax.config.jax_compilation_cache_dir is None


def test_the_users_own_cache_wins(folder, tmp_path):
    own = tmp_path / "own"
    jax.config.update("jax_compilation_cache_dir", str(own))
    fit()
    assert jax.config.jax_compilation_cache_dir == str(own)
    assert not folder.exists()


def test_the_cache_can_be_turned_off(folder):
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        fit()
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_costs_no_error(folder, tmp_path):
    (tmp_path / "d2l").write_text("a file where the folder would be")
    assert cache.cache_folder() is None
    assert np.isfinite(fit()).all()


def test_the_oldest_half_goes_when_the_folder_is_full(folder, monkeypatch):
    fit()
    [programs] = {path.parent for path in files(folder)}
    for i in range(10):
        path = programs / f"{i}-cache"
        path.write_bytes(bytes(1000))
        os.utime(path, (i, i))  # long ago
    cache.trim.cache_clear()
    size = sum(path.stat().st_size for path in files(folder))
    monkeypatch.setattr(cache, "MAX_BYTES", size)
    cache.trim(programs)
    assert len(files(folder)) > 10  # full, but not more than that
    cache.trim.cache_clear()
    monkeypatch.setattr(cache, "MAX_BYTES", size - 1)
    cache.trim(programs)
    assert not list(programs.glob("0-cache"))
    assert 0 < sum(path.stat().st_size for path in files(folder)) <= size / 2


def test_a_program_is_kept_without_a_look_at_all_others(folder, monkeypatch):
    bounded = []
    monkeypatch.setattr(
        LRUCache, "_evict_if_needed", lambda self, **_: bounded.append(self.eviction_enabled)
    )
    fit()
    assert len(bounded) >= 2 and not any(bounded)


def test_a_folder_beside_the_programs_is_left_alone(folder, monkeypatch):
    fit()
    [programs] = {path.parent for path in files(folder)}
    (programs / "of-XLA-cache").mkdir()
    os.utime(programs / "of-XLA-cache", (0, 0))
    cache.trim.cache_clear()
    monkeypatch.setattr(cache, "MAX_BYTES", 1)
    cache.trim(programs)
    assert [path.name for path in files(folder)] == ["of-XLA-cache"]
