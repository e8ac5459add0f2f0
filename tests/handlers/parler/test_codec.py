"""Tests of handlers/parler/codec.py: whatever the pieces, a stream is the full decode."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel

from benchmarks.parler_configs import TINY
from benchmarks.parler_models import random_codec, random_model
from benchmarks.parler_writer import NEW_NORM, OLD_NORM, Form, write_checkpoint
from handlers.parler import codec_layers
from handlers.parler.codec import Codec, CodecStream
from handlers.parler.loader import load_model
from tests.parler_checkpoint import CODEBOOKS, CODES, HOP

RATE = 44_100
HELD = 4757  # samples, of this topology at any width
LONGEST = 30  # frames; a sample depends on fewer than 10 on each side
CLOSE = 1e-5


def transformers_codec() -> DacModel:
    torch.manual_seed(0)
    model = random_codec()
    vary_snakes(model)
    return model


@functools.cache
def descript_checkpoint(norm: tuple[str, str]) -> Path:
    """Its codec is the same in descript's names, each weight a length and a direction."""
    folder = Path(tempfile.mkdtemp(prefix="descript-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    structure = replace(TINY, descript=True)
    model = random_model(structure)
    model.audio_encoder = transformers_codec()
    return write_checkpoint(model, structure, folder, Form(norm=norm))


def descript_codec(norm: tuple[str, str]) -> DacModel:
    return load_model(descript_checkpoint(norm), torch.float32, torch.float32, "cpu").audio_encoder


def vary_snakes(model: torch.nn.Module) -> None:
    """A fresh model's are all alike, and so hide a channel that is taken for another; a trained one's can be near 0."""
    with torch.no_grad():
        for module in model.modules():
            if type(module).__name__ == "Snake1d":
                module.alpha.uniform_(-0.5, 2)
                module.alpha[0, 0] = 0
                module.alpha[0, 1] = 1e-6


MODELS = {
    "transformers": transformers_codec,
    "descript": functools.partial(descript_codec, NEW_NORM),
    "descript, old weight norm": functools.partial(descript_codec, OLD_NORM),
}


@functools.cache
def codec_of(name: str) -> Codec:
    return Codec(MODELS[name]())


@functools.cache
def codes_of(frames: int, batch: int = 1) -> torch.Tensor:
    return torch.randint(0, CODES, (batch, CODEBOOKS, frames), generator=torch.Generator().manual_seed(frames))


def streamed(stream: CodecStream, codes: torch.Tensor, cuts: list[int]) -> torch.Tensor:
    """Fed piece by piece, cut at these frames; the last piece, which may be empty, ends it."""
    pieces = torch.tensor_split(codes, cuts, dim=-1)
    return torch.cat([stream.feed(piece, last=n == len(cuts)) for n, piece in enumerate(pieces)], -1)


@pytest.mark.parametrize("name", MODELS)
def test_the_measures_come_from_the_model(name):
    codec = codec_of(name)
    measures = (codec.hop, codec.rate, codec.codebooks, codec.codes, codec.held)
    assert measures == (HOP, RATE, CODEBOOKS, CODES, HELD)


def test_the_measures_follow_the_strides():
    codec = Codec(DacModel(DacConfig(encoder_hidden_size=4, decoder_hidden_size=8, downsampling_ratios=[2, 4])))
    assert (codec.hop, codec.rate, codec.held) == (8, 16_000, 2 * (4 * 3 + 2 + 39) + 1 + 39 + 3)


@pytest.mark.parametrize("name", MODELS)
def test_the_full_decode_is_that_of_the_untouched_model(name):
    model = MODELS[name]()
    codes = codes_of(12)
    with torch.inference_mode():
        expected = model.decode(audio_codes=codes).audio_values
        assert 0.05 < expected.std() < 0.5
        actual = Codec(model).decode(codes)
    torch.testing.assert_close(actual, expected, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("norm", [NEW_NORM, OLD_NORM], ids=["new weight norm", "old weight norm"])
def test_a_codec_with_descripts_names_decodes_as_the_library_does(reference, norm):
    expected = reference.decode(descript_checkpoint(norm), codes_of(12)[0])
    actual = Codec(descript_codec(norm)).decode(codes_of(12))[0]
    torch.testing.assert_close(actual, expected, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), frames=st.integers(0, LONGEST))
def test_any_cutting_gives_the_full_decode(name, data, frames):
    codec, codes = codec_of(name), codes_of(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, frames), max_size=5)))
    actual = streamed(codec.stream(), codes, cuts)
    torch.testing.assert_close(actual, codec.decode(codes), atol=CLOSE, rtol=0)


@pytest.mark.parametrize("few", [0, 10**9], ids=["convolutions", "matrix products"])
@pytest.mark.parametrize("name", MODELS)
def test_both_ways_to_convolve_are_exact(name, few, monkeypatch):
    """In double precision nothing but the final rounding to float32 is left to differ."""
    monkeypatch.setattr(codec_layers, "FEW", few)
    codec, codes = Codec(MODELS[name]().double()), codes_of(LONGEST)
    actual = streamed(codec.stream(), codes, [1, 2, 4, 13])
    torch.testing.assert_close(actual, codec.decode(codes), atol=1e-7, rtol=0)


@pytest.mark.parametrize("frames", range(5))
def test_an_utterance_shorter_than_the_context(frames):
    codec, codes = codec_of("transformers"), codes_of(frames)
    assert codec.decode(codes).shape == (1, frames * HOP)
    one_by_one = streamed(codec.stream(), codes, list(range(frames + 1)))
    torch.testing.assert_close(one_by_one, codec.decode(codes), atol=CLOSE, rtol=0)


def test_a_feed_gives_out_all_that_has_settled_and_no_more():
    codec, codes = codec_of("transformers"), codes_of(LONGEST)
    stream, given_out = codec.stream(), 0
    for frame in range(LONGEST):
        given_out += stream.feed(codes[..., frame : frame + 1]).shape[-1]
        assert given_out == codec.settled(frame + 1) == max(0, (frame + 1) * HOP - HELD)
    changed = codes.clone()
    changed[..., -1] = (changed[..., -1] + 1) % CODES
    differ = (codec.decode(changed) - codec.decode(codes)).abs()[0]
    assert differ[: codec.settled(LONGEST - 1)].max() < CLOSE < differ[codec.settled(LONGEST - 1) :][:HOP].max()


@given(samples=st.integers(1, 10**7))
def test_the_frames_for_some_samples_are_the_fewest(samples):
    codec = codec_of("transformers")
    frames = codec.frames_for(samples)
    assert codec.settled(frames - 1) < samples <= codec.settled(frames)


def test_no_samples_need_no_frames():
    assert codec_of("transformers").frames_for(0) == 0
    assert codec_of("transformers").settled(0) == 0


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_a_batch_are_as_alone(name):
    codec, codes = codec_of(name), codes_of(20, batch=3)
    together = streamed(codec.stream(3), codes, [3, 11])
    full = codec.decode(codes)
    for row in range(3):
        alone = streamed(codec.stream(), codes[row : row + 1], [3, 11])
        torch.testing.assert_close(together[row : row + 1], alone, atol=CLOSE, rtol=0)
        torch.testing.assert_close(full[row : row + 1], alone, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("fed", [0, 1, 14])
def test_selected_rows_go_on_alone(fed):
    codec, codes = codec_of("transformers"), codes_of(20, batch=3)
    whole = codec.stream(3)
    start = whole.feed(codes[..., :fed])
    short, others = whole.select([1]), whole.select([2, 0])
    rest = short.feed(codes[[1], :, fed : fed + 2], last=True)
    expected = codec.decode(codes[[1], :, : fed + 2])
    torch.testing.assert_close(torch.cat((start[[1]], rest), -1), expected, atol=CLOSE, rtol=0)
    rest = others.feed(codes[[2, 0], :, fed:], last=True)
    expected = codec.decode(codes)
    torch.testing.assert_close(torch.cat((start[[2, 0]], rest), -1), expected[[2, 0]], atol=CLOSE, rtol=0)
    rest = whole.feed(codes[..., fed:], last=True)
    torch.testing.assert_close(torch.cat((start, rest), -1), expected, atol=CLOSE, rtol=0)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float16, 0.02), (torch.bfloat16, 0.2)], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_half_precision_gives_float32_samples(name, dtype, error):
    """The model's own snake gives NaN in float16 where an alpha is near 0, so float32 is what it is held against."""
    expected = codec_of(name).decode(codes_of(14))
    codec = Codec(MODELS[name]().to(dtype))
    actual = streamed(codec.stream(), codes_of(14), [4, 11])
    assert actual.dtype == codec.decode(codes_of(14)).dtype == torch.float32
    assert (actual - expected).std() < error * expected.std()


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_a_stream_keeps_no_graph(mode):
    codec, codes = codec_of("transformers"), codes_of(12)
    with mode():
        stream = codec.stream()
        samples = [stream.feed(codes[..., :11])]
    with torch.no_grad():
        samples.append(stream.feed(codes[..., 11:], last=True))
    assert not any(piece.requires_grad for piece in samples)
    torch.testing.assert_close(torch.cat(samples, -1), codec.decode(codes), atol=CLOSE, rtol=0)


def test_an_ended_stream_takes_nothing_more():
    stream = codec_of("transformers").stream()
    assert stream.feed(codes_of(0), last=True).shape == (1, 0)
    with pytest.raises(RuntimeError, match="has ended"):
        stream.feed(codes_of(1))
    with pytest.raises(RuntimeError, match="has ended"):
        stream.select([0])


@pytest.mark.parametrize("shape", [(CODEBOOKS, 4), (2, CODEBOOKS, 4), (1, CODEBOOKS - 1, 4)], ids=str)
def test_codes_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected codes \[1, 9, frames\], got"):
        codec_of("transformers").stream().feed(torch.zeros(shape, dtype=torch.int64))


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")  # by Encodec's own code
def test_another_codec_is_refused_by_name():
    tiny = {"num_filters": 2, "hidden_size": 4, "codebook_size": 4, "codebook_dim": 4}
    with pytest.raises(ValueError, match="the codec EncodecModel is not supported: "):
        Codec(EncodecModel(EncodecConfig(**tiny)))


def replaced(path: str, module: torch.nn.Module) -> DacModel:
    model = transformers_codec()
    parent, name = path.rsplit(".", 1)
    setattr(model.get_submodule(parent), name, module)
    return model


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("decoder.conv1", torch.nn.Conv1d(64, 32, 7, padding=2)),
        ("decoder.conv1", torch.nn.Conv1d(64, 32, 7, padding=3, stride=2)),
        ("decoder.conv1", torch.nn.Conv1d(64, 32, 7, padding=3, groups=2)),
        ("decoder.conv1", torch.nn.Conv1d(64, 32, 7, padding="same")),
        ("decoder.conv1", torch.nn.Conv1d(64, 32, 7, padding=3, padding_mode="reflect")),
        ("decoder.block.0.conv_t1", torch.nn.ConvTranspose1d(32, 16, 16, stride=8, padding=3)),
        ("decoder.block.0.conv_t1", torch.nn.ConvTranspose1d(32, 16, 24, stride=8, padding=4)),
        ("decoder.block.0.conv_t1", torch.nn.ConvTranspose1d(32, 16, 10, stride=5, padding=3)),
        ("decoder.block.0.conv_t1", torch.nn.ConvTranspose1d(32, 16, 16, stride=8, padding=4, output_padding=1)),
        ("decoder.block.0.res_unit1.snake1", torch.nn.ReLU()),
        ("decoder.block.0.res_unit1.conv1", torch.nn.Identity()),
        ("decoder.block.0.res_unit1", torch.nn.LSTM(16, 16)),
        ("decoder.tanh", torch.nn.Sigmoid()),
    ],
    ids=str,
)
def test_a_layer_that_cannot_be_streamed_is_refused_by_name(path, module):
    with pytest.raises(ValueError, match="the codec DacModel is not supported: can't stream") as error:
        Codec(replaced(path, module))
    assert type(module).__name__ in str(error.value)
