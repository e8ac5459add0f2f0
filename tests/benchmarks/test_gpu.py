"""The benchmark for GPUs, run on the CPU with tiny models, and what it makes of its figures."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from benchmarks import gpu
from benchmarks.cells import Cell, Outcome
from benchmarks.gpu_report import BEGUN_MS, WINDOW_MS, projected, tables
from utils.system.local_server import ROOT


def outcome(part, why_not="", **figures):
    return Outcome(Cell(f"{part} some", {"part": part}), 1.0, figures or None, why_not)


PARTS = {"parler", "whisper", "lm", "equality"}
STAGES = (
    outcome("whisper", short_ms=30.0, long_ms=60.0),
    outcome("whisper", short_ms=20.0),
    outcome("lm", first_clause_ms=50.0),
    outcome("parler", first_audio_ms=100.0, real_time_factor=0.5),
    outcome("parler", first_audio_ms=None, real_time_factor=0.4),  # a batch
)


def test_what_the_quickest_stages_add_up_to():
    assert projected(STAGES) == {
        "begun at the turn's end": WINDOW_MS + 170.0,
        "begun before": max(WINDOW_MS, BEGUN_MS + 170.0),
    }
    assert projected(STAGES[:3]) == {}


def test_the_tables_name_what_was_not_measured():
    text = tables([*STAGES, outcome("lm", "took longer than 90 s")])
    assert text.splitlines()[-1] == "not measured: lm some: took longer than 90 s"
    assert [line.split()[0] for line in text.splitlines() if "ms" in line] == ["whisper", "lm", "parler"]


def test_the_rows_differ_and_each_part_comes_once_before_it_comes_twice():
    assert len(set(gpu.ROWS)) == len(gpu.ROWS)
    assert {row.part for row in gpu.ROWS[:5]} == PARTS


def test_what_there_is_no_time_for_is_named(tmp_path, capsys):
    results = tmp_path / "r.jsonl"
    options = gpu.arguments(["--limit", "0", "--results", str(results), "--match", "^lm", "--device", "cpu"])
    outcomes = list(gpu.measure_all(options, str(tmp_path)))
    assert {one.why_not for one in outcomes} == {"no time was left"}
    written = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["cell"] for line in written] == [one.cell.name for one in outcomes]


def test_what_is_missing_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "NEEDED", ("torch", "no_such_package", "nor_this"))
    assert gpu.main(["--device", "cpu"]) == 2
    assert capsys.readouterr().err == (
        "gpu.py: error: missing here: no_such_package, nor_this; pip install no_such_package nor_this\n"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_it_says_that_there_is_no_gpu(capsys):
    assert gpu.main([]) == 2
    assert capsys.readouterr().err == "gpu.py: error: there is no cuda here\n"


@pytest.mark.more
def test_all_parts_run_on_a_cpu_with_tiny_models(tmp_path):
    ran = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny",
            "--match", "(mini|turbo|4b) float(16|32) none$",
            "--results", str(tmp_path / "gpu.jsonl"), "--plot", str(tmp_path / "gpu.png"), "--folder", str(tmp_path),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert (tmp_path / "gpu.png").read_bytes().startswith(b"\x89PNG")
    assert {cell["part"] for cell in figures["cells"]} == PARTS
    assert all("why_not" not in cell for cell in figures["cells"])
    assert figures["projected_ms"]["begun before"] >= WINDOW_MS
    assert [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text().splitlines()] == figures["cells"]
