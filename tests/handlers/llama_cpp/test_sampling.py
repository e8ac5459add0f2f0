"""The choice of tokens: what each option leaves to choose from."""

from __future__ import annotations

import pytest

from handlers.llama_cpp.context import Context
from handlers.llama_cpp.model import Model
from handlers.llama_cpp.sampling import Sampler, Sampling
from tests.gguf_checkpoint import write_gguf

PROMPT = list(b"a prompt")
TRIES = 200


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Model:
    return Model(write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf"), 0)


@pytest.fixture(scope="module")
def context(model) -> Context:
    """Of which the prompt has been read."""
    made = Context(model, 256, 1, 1)
    made.read(PROMPT, 0, 0)
    return made


def chosen(model, context, **options) -> set[int]:
    """The tokens that follow the prompt, with many seeds."""
    made = (Sampling(**{"do_sample": True, "temperature": 1.0, "seed": seed, **options}) for seed in range(TRIES))
    return {Sampler(model, sampling, PROMPT).choose(context) for sampling in made}


@pytest.fixture(scope="module")
def likeliest(model, context) -> int:
    (token,) = chosen(model, context, do_sample=False)
    return token


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.0}, {"temperature": 1e-3}, {"top_k": 1}, {"top_p": 0.0}, {"min_p": 1.0}, {"do_sample": False}],
)
def test_options_that_leave_the_likeliest_token_only(model, context, likeliest, options):
    assert chosen(model, context, **options) == {likeliest}


def test_without_a_filter_anything_may_follow(model, context, likeliest):
    found = chosen(model, context)
    assert likeliest in found
    assert len(found) > 10


@pytest.mark.parametrize(("fewer", "more"), [({"top_k": 3}, {"top_k": 0}), ({"min_p": 0.5}, {"min_p": 0.05})])
def test_a_filter_leaves_some_of_the_likeliest(model, context, likeliest, fewer, more):
    few, many = chosen(model, context, **fewer), chosen(model, context, **more)
    assert likeliest in few
    assert 1 <= len(few) < len(many)
    assert len(few) <= fewer.get("top_k", len(few))


@pytest.mark.parametrize("name", ["top_p", "typical_p"])
def test_a_probability_leaves_fewer_the_smaller_it_is(model, context, name):
    assert len(chosen(model, context, **{name: 0.3})) < len(chosen(model, context, **{name: 0.99}))


def test_a_penalty_is_for_tokens_of_the_prompt_and_of_the_answer(model, context, likeliest):
    greedy = Sampling(repetition_penalty=1e6)
    assert Sampler(model, greedy, [*PROMPT, likeliest]).choose(context) != likeliest
    sampler = Sampler(model, greedy, PROMPT)
    answer = [sampler.choose(context) for _ in range(10)]  # of the same logits
    assert len(set(answer)) == 10


def test_one_seed_always_chooses_the_same(model, context):
    sampling = Sampling(do_sample=True, temperature=1.0, seed=7)
    assert len({Sampler(model, sampling, PROMPT).choose(context) for _ in range(20)}) == 1
