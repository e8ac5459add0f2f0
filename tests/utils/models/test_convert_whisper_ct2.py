"""Reading CTranslate2's binary format: what is written comes back, and no damage goes unnoticed."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from utils.models.bundled_errors import BundledModelCorrupt
from utils.models.convert_whisper_ct2 import DTYPES, read_ct2, to_hugging_face

CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TENSORS = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=3, max_side=4))
)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def variable(name: str, tensor: np.ndarray) -> bytes:
    dims = struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
    return string(name) + dims + struct.pack("<BI", CODES[tensor.dtype], tensor.nbytes) + tensor.tobytes()


def model_bin(variables: dict[str, np.ndarray], version: int = 6, spec: str = "WhisperSpec") -> bytes:
    body = b"".join(variable(name, tensor) for name, tensor in variables.items())
    alias = struct.pack("<I", 1) + string("decoder/projection/weight") + string("decoder/embeddings/weight")
    return struct.pack("<I", version) + string(spec) + struct.pack("<II", 3, len(variables)) + body + alias


def read(folder: Path, data: bytes) -> dict[str, np.ndarray]:
    (folder / "model.bin").write_bytes(data)
    return read_ct2(folder / "model.bin")


SMALL = {"encoder/num_heads": np.array(6, np.int16), "encoder/conv1/bias": np.arange(4, dtype=np.float16)}


@in_one_folder
@given(st.dictionaries(NAMES, TENSORS, max_size=4))
def test_what_is_written_is_read(tmp_path, variables):
    back = read(tmp_path, model_bin(variables))
    assert list(back) == list(variables)
    for name, tensor in variables.items():
        assert back[name].dtype == tensor.dtype
        np.testing.assert_array_equal(back[name], tensor)


@pytest.mark.parametrize("size", range(len(model_bin(SMALL))))
def test_a_file_cut_short_anywhere_is_refused(tmp_path, size):
    with pytest.raises(BundledModelCorrupt, match=r"model\.bin: not a CTranslate2 Whisper model"):
        read(tmp_path, model_bin(SMALL)[:size])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (model_bin(SMALL, version=7), "binary version 7"),
        (model_bin(SMALL, spec="TransformerSpec"), "TransformerSpec"),
        (model_bin(SMALL) + b"x", "after its end"),
        (model_bin(SMALL).replace(struct.pack("<BI", 4, 8), struct.pack("<BI", 4, 9)), "9 bytes"),
        (model_bin(SMALL).replace(struct.pack("<BI", 4, 8), struct.pack("<BI", 77, 8)), "77"),
        (struct.pack("<I", 6) + string("WhisperSpec") + struct.pack("<II", 3, 2**32 - 1), "4294967295 variables"),
    ],
)
def test_a_damaged_header_is_refused_by_name(tmp_path, data, said):
    with pytest.raises(BundledModelCorrupt, match=said):
        read(tmp_path, data)


def test_no_file_is_refused_by_name(tmp_path):
    with pytest.raises(BundledModelCorrupt, match="No such file"):
        read_ct2(tmp_path / "model.bin")


def whisper(width: int = 4) -> dict[str, np.ndarray]:
    """CTranslate2's variables of the smallest possible Whisper: one layer a side."""

    def linear(name: str, outputs: int = width) -> dict[str, np.ndarray]:
        weight = np.arange(outputs * width, dtype=np.float16).reshape(outputs, width)
        bias = np.arange(1, outputs + 1, dtype=np.float16)
        if outputs > width:  # fused: the keys' part of the bias is zero
            bias[outputs - 2 * width : outputs - width] = 0
        return {f"{name}/weight": weight, f"{name}/bias": bias}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}/gamma": np.full(width, 2, np.float16), f"{name}/beta": np.full(width, 3, np.float16)}

    variables = {"decoder/embeddings/weight": np.zeros((9, width), np.float16), "decoder/num_heads": np.array(1)}
    for side in ("encoder", "decoder"):
        layer = f"{side}/layer_0"
        variables |= {f"{side}/position_encodings/encodings": np.zeros((5, width), np.float16)} | norm(
            f"{side}/layer_norm"
        )
        variables |= norm(f"{layer}/self_attention/layer_norm") | linear(f"{layer}/self_attention/linear_0", 3 * width)
        variables |= linear(f"{layer}/self_attention/linear_1") | norm(f"{layer}/ffn/layer_norm")
        variables |= linear(f"{layer}/ffn/linear_0") | linear(f"{layer}/ffn/linear_1")
    cross = "decoder/layer_0/attention"
    variables |= norm(f"{cross}/layer_norm") | linear(f"{cross}/linear_0") | linear(f"{cross}/linear_2")
    variables |= linear(f"{cross}/linear_1", 2 * width) | linear("encoder/conv1") | linear("encoder/conv2")
    return variables


def test_fused_projections_are_taken_apart_in_order():
    fused, weights = whisper(), to_hugging_face(whisper())
    own, cross = "model.decoder.layers.0.self_attn", "model.decoder.layers.0.encoder_attn"
    for attention, parts, old in (
        (own, "qkv", "decoder/layer_0/self_attention/linear_0"),
        (cross, "kv", "decoder/layer_0/attention/linear_1"),
    ):
        together = np.concatenate([weights[f"{attention}.{part}_proj.weight"] for part in parts])
        np.testing.assert_array_equal(together, fused[f"{old}/weight"])
        assert f"{attention}.k_proj.bias" not in weights
        np.testing.assert_array_equal(weights[f"{attention}.v_proj.bias"], fused[f"{old}/bias"][-4:])


@pytest.mark.parametrize("name", [name for name, tensor in whisper().items() if tensor.ndim])
def test_a_missing_weight_is_refused(name):
    variables = whisper()
    del variables[name]
    with pytest.raises(BundledModelCorrupt):
        to_hugging_face(variables)


def test_a_weight_too_many_is_refused():
    with pytest.raises(BundledModelCorrupt, match="decoder/layer_1/extra"):
        to_hugging_face(whisper() | {"decoder/layer_1/extra": np.zeros(3, np.float16)})


def test_keys_with_a_bias_are_refused_rather_than_dropped():
    variables = whisper()
    variables["encoder/layer_0/self_attention/linear_0/bias"][4] = 1
    with pytest.raises(BundledModelCorrupt, match="keys with a bias"):
        to_hugging_face(variables)
